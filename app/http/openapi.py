"""The OpenAPI document: how problems look, in the place of FastAPI's own validation error."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.schema import Open
from app.scores.schemas import UnscoredOut


class FieldProblem(Open):
    """One thing wrong with one field."""

    pointer: str
    """JSON pointer, as a URI fragment: `#/target/verbosity`."""
    detail: str


class UnscoredProblem(UnscoredOut):
    """Why an attribute has no scores."""

    attribute: str


class Problem(Open):
    """An error (RFC 9457), as `application/problem+json`. Members that are not required are there
    where they say something; there may be others in time."""

    type: str
    """Relative reference to what it means, `/problems/…`; `about:blank` for what HTTP says."""
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] | None = None
    """The fields at fault."""
    known: list[str] | None = None
    """Names that would have been right."""
    line: int | None = None
    """First line of a bank that is not valid, from 1."""
    limit_bytes: int | None = None
    """The most that a body may have."""
    retry_after_s: int | None = None
    """Seconds after which to try again, as in `Retry-After`."""
    score_set_id: str | None = None
    """The score set that it is about; what is scored later is found there."""
    missing: list[str] | None = None
    """Attributes that are not scored, or not labelled."""
    scored: list[str] | None = None
    """Attributes that are."""
    ambiguous: list[str] | None = None
    """Exact names of the cells that a name of the target may mean."""
    unscored: list[UnscoredProblem] | None = None
    """Attributes on which the model failed, and how."""
    prompt_tokens: int | None = None
    """Tokens of the prompt without examples."""
    output_tokens: int | None = None
    """Tokens kept free for the answer."""
    context_length: int | None = None
    """Tokens that the model can take."""


def document_problems(app: FastAPI) -> None:
    """Put the problem document in the place of FastAPI's own validation error."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs"))
            schemas["Problem"] = problem
            for path in document["paths"].values():
                for operation in path.values():
                    _drop_default_validation_error(operation)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _drop_default_validation_error(operation: dict[str, Any]) -> None:
    answer = operation["responses"].get("422", {})
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/HTTPValidationError"):
        del answer["content"]["application/json"]
        if not answer["content"]:
            del operation["responses"]["422"]
