"""The problem document as a schema."""

from __future__ import annotations

from app.schema import Open


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
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    context_length: int | None = None


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
    errors: list[FieldProblem] | None = None
    """The fields at fault."""
    known: list[str] | None = None
    """Names that exist."""
    line: int | None = None
    """First invalid line of a bank, from 1."""
    limit_bytes: int | None = None
    """Largest allowed body."""
    retry_after_s: int | None = None
    """Seconds to wait before the next try, as in `Retry-After`."""
    score_set_id: str | None = None
    """The score set concerned; later scores are found there."""
    missing: list[str] | None = None
    """Attributes that are not scored, or not labelled."""
    scored: list[str] | None = None
    """Attributes that are."""
    ambiguous: list[str] | None = None
    """Exact names of the cells that a name of the target may mean."""
    unscored: list[UnscoredProblem] | None = None
    """Attributes that the model failed on, and how."""
    prompt_tokens: int | None = None
    """Tokens of the prompt without examples."""
    output_tokens: int | None = None
    """Tokens reserved for the answer."""
    context_length: int | None = None
    """Context length of the model, in tokens."""
