"""Problem documents (RFC 9457), and exception handlers that render errors as such."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.errors import (
    AzimuthError,
    CallerLeft,
    FieldError,
    InvalidRequest,
    MalformedBody,
    Unauthorized,
    UnsupportedFormat,
)
from app.http.pointers import pointer_of
from app.http.problem_types import HTTP, INTERNAL, ProblemType, problem_for

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)
_NOT_AN_OBJECT = ("model_attributes_type", "model_type", "dict_type", "missing")
"""Pydantic's errors for a body that is not a JSON object."""


def install(app: FastAPI) -> None:
    """Add exception handlers to the app that render errors as problem documents."""
    app.add_exception_handler(AzimuthError, _on_azimuth_error)
    app.add_exception_handler(CallerLeft, _on_caller_left)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def problem_document(
    problem: ProblemType,
    detail: str,
    request_id: str,
    *,
    status: int | None = None,
    fields: Sequence[FieldError] = (),
    extensions: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Build a problem document (RFC 9457) with `request_id`, `errors` and extension members."""
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


def internal_error(request_id: str) -> Response:
    """The response to an unexpected error: the request id for the log, and no internals."""
    return _respond(
        problem_document(INTERNAL, f"see the log for request id {request_id}", request_id)
    )


def error_document(error: AzimuthError | None, request_id: str) -> dict[str, Any]:
    """The problem document of an error, for answers that have begun; None for an unexpected one."""
    problem = INTERNAL if error is None else problem_for(error)
    if error is None or problem is INTERNAL:
        detail = f"see the log for request id {request_id}"
        return problem_document(INTERNAL, detail, request_id)
    return problem_document(
        problem, error.detail, request_id, fields=error.fields, extensions=error.extensions
    )


def render(error: AzimuthError, request_id: str) -> Response:
    """Render an error as a response."""
    retry = getattr(error, "retry_after_s", None)
    extensions, headers = dict(error.extensions), {}
    if retry is not None:
        extensions["retry_after_s"] = retry
        headers["Retry-After"] = str(retry)
    if isinstance(error, UnsupportedFormat) and error.accept_encoding:
        headers["Accept-Encoding"] = error.accept_encoding
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    document = problem_document(
        problem_for(error), error.detail, request_id, fields=error.fields, extensions=extensions
    )
    return _respond(document, headers)


async def _on_azimuth_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AzimuthError)
    if problem_for(error) is INTERNAL:
        _log.error("unexpected error", exc_info=error)
        return internal_error(_request_id(request))
    return render(error, _request_id(request))


async def _on_caller_left(request: Request, error: Exception) -> Response:
    """Nobody gets this: the status is for logs and metrics, as nginx has it."""
    return Response(status_code=499)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    content_type = request.headers.get("content-type", "")
    return render(_invalid(error.errors(), error.body, content_type), _request_id(request))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI wraps errors raised while reading the body
        cause = error.__cause__
        why = cause if isinstance(cause, AzimuthError) else MalformedBody("the body cannot be read")
        return render(why, _request_id(request))
    document = problem_document(
        HTTP, str(error.detail), _request_id(request), status=error.status_code
    )
    document["title"] = str(error.detail)
    return _respond(document, dict(error.headers or {}))


def _invalid(validation_errors: Sequence[Any], body: Any, content_type: str) -> AzimuthError:
    """Convert pydantic's validation errors to an Azimuth error."""
    first = validation_errors[0]
    if tuple(first["loc"]) == ("body",) and first["type"] in _NOT_AN_OBJECT:
        sent_as = f" (it was sent as {content_type[:100]})" if content_type else ""
        return MalformedBody(
            f"the body is not a JSON object; send one with Content-Type: application/json{sent_as}"
        )
    fields = list(dict.fromkeys(_field_error(one, body) for one in validation_errors))
    return InvalidRequest(f"{fields[0].pointer}: {fields[0].detail}", fields=fields)


def _field_error(validation_error: Any, body: Any) -> FieldError:
    part, *location = validation_error["loc"]
    detail = validation_error["msg"].removeprefix("Value error, ")
    if part != "body":  # a parameter of the path or the query
        return FieldError(f"{part}:{[part, *location][-1]}", detail)
    missing = validation_error["type"] == "missing"
    return FieldError(pointer_of(location, body, missing=missing), detail)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", "-"))


def _respond(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(document), document["status"], headers=headers, media_type=MEDIA_TYPE
    )
