"""The table of problem types (RFC 9457), used by handlers, `/problems/{slug}` and OpenAPI."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.errors import AzimuthError

ABOUT_BLANK = "about:blank"
"""Type of problems without semantics beyond the HTTP status (RFC 9457, section 4.2.1)."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem, as clients see it."""

    slug: str
    status: int
    title: str
    example: str
    """Example of `detail`."""
    pointer: str | None = None
    """JSON pointer of the example."""
    extensions: dict[str, object] = field(default_factory=dict)
    """Additional members of the example."""

    @property
    def uri(self) -> str:
        """The problem's `type`: a relative reference that this service serves, or about:blank."""
        return self.slug if self.slug == ABOUT_BLANK else f"/problems/{self.slug}"


def _problem(
    slug: str,
    status: int,
    title: str,
    example: str,
    *,
    pointer: str | None = None,
    **extensions: object,
) -> ProblemType:
    return ProblemType(slug, status, title, example, pointer, extensions)


_ID = "4b7c2f0e9d1a4c55a3f1d0b2c8e7a691.5d0c1a2b"
PROBLEMS: tuple[ProblemType, ...] = (
    _problem(
        "malformed-body",
        400,
        "Malformed body",
        "the body is not JSON: Expecting value at character 12",
    ),
    _problem(
        "unauthorized",
        401,
        "No valid API key",
        "an API key is needed: send it as 'Authorization: Bearer az_…' or 'X-Api-Key: az_…'",
    ),
    _problem(
        "forbidden",
        403,
        "The API key may not do this",
        "PUT /v1/banks/my-bank needs a key with the scope banks or admin; this key has select",
    ),
    _problem(
        "invalid-request",
        422,
        "Invalid request",
        "Input should be less than or equal to 1",
        pointer="#/target/verbosity",
    ),
    _problem(
        "invalid-bank",
        422,
        "Invalid line in the bank",
        "line 3: labels[1].helpfulness is 4, not within [0, 1]",
        pointer="#/2",
    ),
    _problem(
        "unknown-attribute",
        422,
        "The attribute set has no such attribute",
        "'helpfullness' is not in attribute set 'helpsteer2'",
        pointer="#/attributes/0",
        known=["helpfulness", "correctness", "coherence", "complexity", "verbosity"],
    ),
    _problem(
        "unknown-group",
        422,
        "The bank has no ratings of this group",
        "bank 'neighbours' has no ratings of group 'east'",
        pointer="#/scoring/group",
        known=["north", "south"],
    ),
    _problem(
        "unsuitable-bank",
        422,
        "The bank lacks what the request needs",
        "bank 'neighbours' has ratings, but no labels: name a group, or another bank",
        pointer="#/scoring/bank",
        lacks="labels",
    ),
    _problem(
        "unknown-method",
        422,
        "No such scoring method",
        "no method is called 'pairwise'",
        pointer="#/scoring/method",
        known=["comparative"],
    ),
    _problem(
        "context-overflow",
        422,
        "The scenario is too long for the model",
        "the scenario takes 9120 tokens and its answer 216; the context length is 8192",
        prompt_tokens=9120,
        output_tokens=216,
        context_length=8192,
    ),
    _problem(
        "unknown-attribute-set",
        404,
        "No such attribute set",
        "no attribute set is called 'helpsteer3'",
        pointer="#/attribute_set",
    ),
    _problem(
        "unknown-bank",
        404,
        "No such bank",
        "no bank is called 'my-bank'",
        pointer="#/scoring/bank",
    ),
    _problem(
        "unknown-api-key",
        404,
        "No such API key",
        "no API key has the id '3f9c1e07ab52'",
    ),
    _problem(
        "unknown-calibration",
        404,
        "No such calibration",
        "no calibration is called 'small-judge'",
        pointer="#/calibration",
    ),
    _problem(
        "calibration-running",
        409,
        "The calibration is being fitted",
        "'small-judge' is being fitted: 120 of 500 scenarios are scored",
    ),
    _problem(
        "unknown-model",
        404,
        "No worker has announced this model",
        "no model is called 'big-model'",
        pointer="#/scoring/model",
        known=["HuggingFaceTB/SmolLM2-135M-Instruct"],
    ),
    _problem(
        "unknown-score-set",
        404,
        "No such score set",
        f"no score set has the id {_ID!r}: it expired or never existed",
        pointer="#/score_set_ids",
        score_set_id=_ID,
    ),
    _problem(
        "attribute-not-scored",
        409,
        "An attribute of the target is not scored",
        f"score set {_ID!r} has no scores for 'verbosity'",
        pointer="#/targets/verbosity",
        score_set_id=_ID,
        missing=["verbosity"],
    ),
    _problem(
        "body-too-large",
        413,
        "The body is too large",
        "the body is larger than 8000000 bytes (AZIMUTH_MAX_BODY_BYTES)",
        limit_bytes=8_000_000,
    ),
    _problem(
        "unsupported-format",
        415,
        "The body's encoding or media type is not supported",
        "Content-Encoding 'br' is not supported: send gzip or no encoding",
    ),
    _problem(
        "wrong-host",
        421,
        "The service has another name",
        "the service is not called 'evil.example:8000' (AZIMUTH_ALLOWED_HOSTS)",
    ),
    _problem(
        "rate-limited",
        429,
        "The limit of the API key is reached",
        "the API key has used its limit of 60 requests a minute",
        retry_after_s=42,
    ),
    _problem(
        "queue-full",
        429,
        "The queue is full",
        "The queue is full (1000 scenarios).",
        retry_after_s=5,
    ),
    _problem(
        "cells-unscored",
        502,
        "An attribute has no valid scores",
        "'verbosity' is unscored: invalid-output",
        unscored=[
            {
                "attribute": "verbosity",
                "reason": "invalid-output",
                "detail": "not valid JSON",
            }
        ],
    ),
    _problem(
        "text-not-written",
        502,
        "No text was written",
        "no text: the model ended at once",
        unwritten=[
            {
                "index": 0,
                "reason": "invalid-output",
                "detail": "no text: the model ended at once",
            }
        ],
    ),
    _problem(
        "store-unavailable",
        503,
        "Redis is unavailable",
        "Redis does not answer",
        retry_after_s=5,
    ),
    _problem(
        "model-not-ready",
        503,
        "No worker serves the model",
        "the model is still loading",
        retry_after_s=5,
    ),
    _problem(
        "deadline-passed",
        504,
        "The deadline passed",
        "the deadline of 2 s passed; scores that arrive later are cached",
        score_set_id=_ID,
    ),
)
INTERNAL = _problem("internal-error", 500, "Internal error", "see the log for this request id")
HTTP = _problem(ABOUT_BLANK, 404, "no problem is called 'none'", "no problem is called 'none'")
_BY_SLUG = {problem.slug: problem for problem in (*PROBLEMS, INTERNAL, HTTP)}


def problem_for(error: AzimuthError) -> ProblemType:
    """The problem type of an error."""
    return _BY_SLUG[error.slug]


def problem_called(slug: str) -> ProblemType | None:
    """The problem type with this slug; None if there is none."""
    return _BY_SLUG.get(slug)
