"""API keys in the OpenAPI document: schemes, the scopes of each operation, and the refusals."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.access.policy import OPEN, scopes_for
from app.http.openapi import extend_document
from app.http.responses import add_problem

_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "az_…",
        "description": "An API key, where the service uses them (`AZIMUTH_AUTH=keys`).",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "The same in another header.",
    },
}
_CHALLENGE = {
    "WWW-Authenticate": {"schema": {"type": "string"}, "description": "`Bearer` (RFC 6750)"}
}

_LIMITS = {
    "RateLimit-Policy": {
        "schema": {"type": "string"},
        "description": "The limits of the API key that apply to the request "
        "(draft-ietf-httpapi-ratelimit-headers); in every answer to a key with limits.",
    },
    "RateLimit": {"schema": {"type": "string"}, "description": "What is left of them."},
}


def document_access(app: FastAPI) -> None:
    """Add security schemes and refusals to the OpenAPI document."""
    extend_document(app, _with_access)


def _with_access(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = _SCHEMES
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _document(operation, method.upper(), path)


def _document(operation: dict[str, Any], method: str, path: str) -> None:
    scopes, responses = scopes_for(method, path), operation["responses"]
    add_problem(responses, "wrong-host")
    if scopes == OPEN:
        operation["security"] = []
        return
    alternatives: list[dict[str, list[str]]] = [
        {scheme: [scope]} for scope in sorted(scopes | {"admin"}) for scheme in _SCHEMES
    ]
    operation["security"] = [*alternatives, {}]  # {}: the service may use no keys
    for slug in ("unauthorized", "forbidden", "rate-limited"):
        add_problem(responses, slug)
    responses["401"]["headers"] = _CHALLENGE
    responses["429"]["headers"] = _LIMITS
    operation["responses"] = dict(sorted(responses.items()))
