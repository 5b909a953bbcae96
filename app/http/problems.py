"""The one table from exception to RFC 9457 problem. It also feeds OpenAPI."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app import errors
from app.errors import AzimuthError, FieldError, escaped

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)
ABOUT_BLANK = "about:blank"
"""Type of what is no problem of ours: HTTP's own status says it all (RFC 9457, section 4.2.1)."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem, as clients see it."""

    slug: str
    status: int
    title: str
    exceptions: tuple[type[AzimuthError], ...]
    example: str
    """A detail that such a problem may have."""
    pointer: str | None = None
    """Field that the example points to."""
    extensions: dict[str, object] = field(default_factory=dict)
    """Further members that the example has."""

    @property
    def uri(self) -> str:
        """The problem's `type`: a relative reference that this service answers, or about:blank."""
        return self.slug if self.slug == ABOUT_BLANK else f"/problems/{self.slug}"


def _problem(
    slug: str,
    status: int,
    title: str,
    example: str,
    *exceptions: type[AzimuthError],
    pointer: str | None = None,
    **extensions: object,
) -> ProblemType:
    return ProblemType(slug, status, title, exceptions, example, pointer, extensions)


_ID = "4b7c2f0e9d1a4c55a3f1d0b2c8e7a691.5d0c1a2b"
PROBLEMS: tuple[ProblemType, ...] = (
    _problem(
        "malformed-body",
        400,
        "The body cannot be read",
        "the body is not JSON: Expecting value at character 12",
        errors.MalformedBody,
    ),
    _problem(
        "invalid-request",
        422,
        "A field of the request is not valid",
        "Input should be less than or equal to 1",
        errors.InvalidRequest,
        pointer="#/target/verbosity",
    ),
    _problem(
        "invalid-bank",
        422,
        "A line of the bank is not valid",
        "line 3: labels[1].helpfulness is 4, not within [0, 1]",
        errors.InvalidBank,
        pointer="#/2",
    ),
    _problem(
        "unknown-attribute",
        422,
        "The attribute set has no such attribute",
        "'helpfullness' is not in attribute set 'helpsteer2'",
        errors.UnknownAttribute,
        pointer="#/attributes/0",
        known=["helpfulness", "correctness", "coherence", "complexity", "verbosity"],
    ),
    _problem(
        "unknown-method",
        422,
        "No such scoring method",
        "no method is called 'pairwise'",
        errors.UnknownMethod,
        pointer="#/method",
        known=["comparative"],
    ),
    _problem(
        "context-overflow",
        422,
        "The scenario is too long for the model",
        "the scenario takes 9120 tokens and its answer 216, the model 8192",
        errors.ContextOverflow,
        prompt_tokens=9120,
        output_tokens=216,
        context_length=8192,
    ),
    _problem(
        "unknown-attribute-set",
        404,
        "No such attribute set",
        "no attribute set is called 'helpsteer3'",
        errors.UnknownAttributeSet,
        pointer="#/attribute_set",
    ),
    _problem(
        "unknown-bank",
        404,
        "No such bank",
        "no bank is called 'my-bank'",
        errors.UnknownBank,
        pointer="#/bank",
    ),
    _problem(
        "unknown-calibration",
        404,
        "No such calibration",
        "no calibration is called 'small-judge'",
        errors.UnknownCalibration,
        pointer="#/calibration",
    ),
    _problem(
        "calibration-running",
        409,
        "A calibration of this name is being fitted",
        "'small-judge' is being fitted: 120 of 500 scenarios are scored",
        errors.CalibrationRunning,
    ),
    _problem(
        "unknown-model",
        404,
        "No worker has announced this model",
        "no model is called 'big-model'",
        errors.UnknownModel,
        pointer="#/model",
        known=["HuggingFaceTB/SmolLM2-135M-Instruct"],
    ),
    _problem(
        "unknown-score-set",
        404,
        "No such score set",
        f"no score set has the id {_ID!r}: it expired, or never was",
        errors.UnknownScoreSet,
        pointer="#/score_set_ids",
        score_set_id=_ID,
    ),
    _problem(
        "attribute-not-scored",
        409,
        "The score set lacks an attribute of the target",
        f"score set {_ID!r} has no scores for 'verbosity'",
        errors.AttributeNotScored,
        pointer="#/targets/verbosity",
        score_set_id=_ID,
        missing=["verbosity"],
    ),
    _problem(
        "body-too-large",
        413,
        "The body is over the size limit",
        "the body has more than 8000000 bytes (AZIMUTH_MAX_BODY_BYTES)",
        errors.BodyTooLarge,
        limit_bytes=8_000_000,
    ),
    _problem(
        "queue-full",
        429,
        "Too many scenarios wait for the model",
        "1000 scenarios wait for the model, as many as may",
        errors.QueueFull,
        retry_after_s=5,
    ),
    _problem(
        "cells-unscored",
        502,
        "The model gave no valid scores for an attribute of the target",
        "'verbosity' is unscored: invalid-output",
        errors.CellsUnscored,
        errors.ScoringFailed,
        unscored=[
            {
                "attribute": "verbosity",
                "reason": "invalid-output",
                "detail": "not valid JSON",
            }
        ],
    ),
    _problem(
        "store-unavailable",
        503,
        "Redis does not answer",
        "Redis does not answer",
        errors.StoreUnavailable,
        retry_after_s=5,
    ),
    _problem(
        "model-not-ready",
        503,
        "No worker serves the model right now",
        "the model is still loading",
        errors.ModelNotReady,
        retry_after_s=5,
    ),
    _problem(
        "deadline-passed",
        504,
        "The scores were not there in time",
        "the deadline of 2 s passed; what is scored later is cached",
        errors.DeadlinePassed,
        score_set_id=_ID,
    ),
)
INTERNAL = _problem(
    "internal-error", 500, "Something went wrong inside Azimuth", "see the log for this request id"
)
_HTTP = _problem(ABOUT_BLANK, 404, "no problem is called 'none'", "no problem is called 'none'")
_BY_EXCEPTION = {exception: problem for problem in PROBLEMS for exception in problem.exceptions}
_BY_SLUG = {problem.slug: problem for problem in (*PROBLEMS, INTERNAL, _HTTP)}


def problem_for(error: AzimuthError) -> ProblemType:
    """The problem that an exception becomes; the nearest ancestor in the table decides."""
    for ancestor in type(error).__mro__:
        if ancestor in _BY_EXCEPTION:
            return _BY_EXCEPTION[ancestor]
    return INTERNAL


def problem_called(slug: str) -> ProblemType | None:
    """The problem with this slug."""
    return None if slug == ABOUT_BLANK else _BY_SLUG.get(slug)


def problem_document(
    problem: ProblemType,
    detail: str,
    request_id: str,
    *,
    status: int | None = None,
    fields: Sequence[FieldError] = (),
    extensions: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The members of a problem document (RFC 9457), with `request_id` and `errors`."""
    document: dict[str, Any] = {
        "type": problem.uri,
        "title": problem.title,
        "status": status or problem.status,
        "detail": detail,
        "request_id": request_id,
    }
    if fields:
        document["errors"] = [{"pointer": f.pointer, "detail": f.detail} for f in fields]
    return {**document, **(extensions or {})}


def problem_responses(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses, each with an example, for an operation that has these problems."""
    responses: dict[int | str, dict[str, Any]] = {}
    for slug in (*slugs, "internal-error"):
        problem = _BY_SLUG[slug]
        entry = responses.setdefault(
            problem.status,
            {
                "description": problem.title,
                "content": {
                    MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
                },
            },
        )
        if problem.title not in entry["description"]:
            entry["description"] += f"; or: {problem.title}"
        fields = [FieldError(problem.pointer, problem.example)] if problem.pointer else []
        entry["content"][MEDIA_TYPE]["examples"][slug] = {
            "summary": problem.title,
            "value": problem_document(
                problem,
                problem.example,
                "01JD3Q6Z6K9T",
                fields=fields,
                extensions=dict(problem.extensions),
            ),
        }
    return responses


def answers(
    example: dict[str, Any],
    description: str,
    *,
    status: int = 200,
    media_type: str = "application/json",
    **more: Any,
) -> dict[int | str, dict[str, Any]]:
    """OpenAPI response with an example, for an operation that succeeds."""
    content = {media_type: {"example": example}}
    return {status: {"description": description, "content": content, **more}}


def install(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(AzimuthError, _on_azimuth_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def internal_error(request_id: str) -> Response:
    """What a client gets when something unforeseen happened: an id, and nothing of the inside."""
    return _respond(
        problem_document(INTERNAL, f"see the log for request id {request_id}", request_id)
    )


def render(error: AzimuthError, request_id: str) -> Response:
    """An Azimuth error as a response."""
    problem = problem_for(error)
    retry = getattr(error, "retry_after_s", None)
    extensions = dict(error.extensions)
    if retry is not None:
        extensions["retry_after_s"] = retry
    document = problem_document(
        problem, error.detail, request_id, fields=error.fields, extensions=extensions
    )
    return _respond(document, {"Retry-After": str(retry)} if retry is not None else None)


def pointer_of(location: Sequence[int | str], body: Any, *, missing: bool = False) -> str:
    """JSON pointer (as a URI fragment) for the place that a validation error names.

    Validation names the branch of a union as a step of its own; a step that the body does not have
    is left out, unless it is the last one of a field that is `missing`.
    """
    steps: list[str] = []
    here = body
    for number, step in enumerate(location):
        if isinstance(here, dict) and step in here:  # noqa: SIM114 - the types differ
            here = here[step]
        elif isinstance(step, int) and isinstance(here, list) and step < len(here):
            here = here[step]
        elif not (missing and number == len(location) - 1):
            continue
        steps.append(escaped(str(step)))
    return "#" + "".join(f"/{step}" for step in steps)


_NOT_AN_OBJECT = ("model_attributes_type", "model_type", "dict_type", "missing")


async def _on_azimuth_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AzimuthError)
    if problem_for(error) is INTERNAL:
        _log.error("unforeseen error", exc_info=error)
        return internal_error(_request_id(request))
    return render(error, _request_id(request))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    first = found[0]
    if first["type"] == "json_invalid":
        why = first.get("ctx", {}).get("error", "no JSON")
        detail = f"the body is not JSON: {why} at character {first['loc'][-1]}"
        return render(errors.MalformedBody(detail), _request_id(request))
    if tuple(first["loc"]) == ("body",) and first["type"] in _NOT_AN_OBJECT:
        detail = "the body is not a JSON object; send one with Content-Type: application/json"
        return render(errors.MalformedBody(detail), _request_id(request))
    fields = list(
        dict.fromkeys(
            FieldError(
                pointer_of(e["loc"][1:], error.body, missing=e["type"] == "missing"),
                _plain_message(e["msg"]),
            )
            if e["loc"][0] == "body"
            else FieldError(f"{e['loc'][0]}:{e['loc'][-1]}", _plain_message(e["msg"]))
            for e in found
        )
    )
    invalid = errors.InvalidRequest(f"{fields[0].pointer}: {fields[0].detail}", fields=fields)
    return render(invalid, _request_id(request))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the framework could not decode the body at all
        return render(errors.MalformedBody("the body is not JSON in UTF-8"), _request_id(request))
    document = problem_document(
        _HTTP, str(error.detail), _request_id(request), status=error.status_code
    )
    document["title"] = str(error.detail)
    return _respond(document, dict(error.headers or {}))


def _plain_message(message: str) -> str:
    return message.removeprefix("Value error, ")


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", "-"))


def _respond(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(document), document["status"], headers=headers, media_type=MEDIA_TYPE
    )
