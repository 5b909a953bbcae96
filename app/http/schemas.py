"""The problem document as a schema."""

from __future__ import annotations

from app.schema import Maybe, Open


class FieldProblem(Open):
    """What is wrong with one field."""

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


class Problem(Open):
    """An error (RFC 9457), as `application/problem+json`. Optional members are present where they
    apply; there may be more in later versions."""

    type: str
    """Relative reference to an explanation, `/problems/…`, or `about:blank` where the HTTP status
    says it all."""
    title: str
    status: int
    detail: str
    request_id: str
    errors: Maybe[list[FieldProblem]] = None
    """The fields at fault."""
    known: Maybe[list[str]] = None
    """Names that exist."""
    line: Maybe[int] = None
    """First invalid line of a bank, from 1."""
    limit_bytes: Maybe[int] = None
    """Largest allowed body."""
    retry_after_s: Maybe[int] = None
    """Seconds to wait before the next try, as in `Retry-After`."""
    score_set_id: Maybe[str] = None
    """The score set concerned; later scores are found there."""
    missing: Maybe[list[str]] = None
    """Attributes that are not scored, or not labelled."""
    scored: Maybe[list[str]] = None
    """Attributes that are."""
    ambiguous: Maybe[list[str]] = None
    """Exact names of the cells that a name of the target may mean."""
    unscored: Maybe[list[UnscoredProblem]] = None
    """Attributes that the model failed on, and how."""
    prompt_tokens: Maybe[int] = None
    """Tokens of the prompt without examples."""
    output_tokens: Maybe[int] = None
    """Tokens reserved for the answer."""
    context_length: Maybe[int] = None
    """Context length of the model, in tokens."""
