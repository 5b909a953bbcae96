"""The OpenAPI document, with problem documents instead of FastAPI's validation error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from app.http.responses import problem_examples


def extend_document(app: FastAPI, change: Callable[[dict[str, Any]], None]) -> None:
    """Have `change` applied to the OpenAPI document when it is generated, after earlier changes."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            change(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def document_problems(app: FastAPI) -> None:
    """Replace FastAPI's validation error with the problem document in the OpenAPI document."""
    extend_document(app, _with_problems)


def _with_problems(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    assert "Problem" in schemas, "the answer of /retarget brings it"
    _drop_titles(schemas)
    document["components"]["examples"] = problem_examples()
    for path in document["paths"].values():
        for operation in path.values():
            _drop_default_validation_error(operation)


def _drop_titles(schemas: dict[str, Any]) -> None:
    """Remove the titles that Pydantic derives from member names, which are redundant."""
    for schema in schemas.values():
        schema.pop("title", None)
        for member in schema.get("properties", {}).values():
            member.pop("title", None)


def _drop_default_validation_error(operation: dict[str, Any]) -> None:
    answer = operation["responses"].get("422", {})
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/HTTPValidationError"):
        del answer["content"]["application/json"]
        if not answer["content"]:
            del operation["responses"]["422"]
