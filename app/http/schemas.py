"""The problem document as a schema."""

from __future__ import annotations

from typing import Literal

from app.schema import Maybe, Open


class FieldProblem(Open):
    """An error in one field."""

    pointer: str
    """JSON pointer, as a URI fragment: `#/target/verbosity`."""
    detail: str


class UnscoredProblem(Open):
    """Why an attribute has no scores."""

    attribute: str
    reason: str
    """`truncated`, `invalid-output`, `context-overflow`, `deadline`, `engine-error` or `lost`."""
    detail: str
    prompt_tokens: Maybe[int] = None
    output_tokens: Maybe[int] = None
    context_length: Maybe[int] = None


class UnwrittenProblem(Open):
    """Why a text was not written."""

    index: int
    """Its place among the texts of the request."""
    reason: str
    """`truncated`, `invalid-output`, `context-overflow`, `deadline`, `engine-error` or `lost`."""
    detail: str


class Problem(Open):
    """A problem document (RFC 9457), `application/problem+json`. Optional members are present if
    they apply; later versions may add more."""

    type: str
    """Relative reference to a description, `/problems/…`, or `about:blank` if the HTTP status is
    sufficient."""
    title: str
    status: int
    detail: str
    request_id: str
    errors: Maybe[list[FieldProblem]] = None
    """Errors by field."""
    known: Maybe[list[str]] = None
    """Names that exist."""
    lacks: Maybe[Literal["labels", "ratings", "classes"]] = None
    """What a bank lacks: labels, ratings of groups, or response classes."""
    line: Maybe[int] = None
    """First invalid line of a bank, from 1."""
    limit_bytes: Maybe[int] = None
    """Maximum size of the body."""
    retry_after_s: Maybe[int] = None
    """Seconds to wait before a retry, as in `Retry-After`."""
    score_set_id: Maybe[str] = None
    """The score set concerned. Scores that arrive later are stored there."""
    missing: Maybe[list[str]] = None
    """Attributes that are not scored, or not labelled."""
    scored: Maybe[list[str]] = None
    """Attributes that are scored."""
    ambiguous: Maybe[list[str]] = None
    """Fields (`name@digest`) of the cells that match a name in the target."""
    unscored: Maybe[list[UnscoredProblem]] = None
    """Attributes that the model failed to score, and why."""
    unwritten: Maybe[list[UnwrittenProblem]] = None
    """Texts that were not written, and why."""
    judges: Maybe[list[str]] = None
    """Models of the committee's judges that the problem is about."""
    prompt_tokens: Maybe[int] = None
    """Tokens of the prompt without examples."""
    output_tokens: Maybe[int] = None
    """Tokens reserved for the answer."""
    context_length: Maybe[int] = None
    """Context length of the model, in tokens."""
