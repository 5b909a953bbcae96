"""Checks answers of the service against the contract, `openapi/openapi.json`."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema

DOCUMENT = Path(__file__).resolve().parents[1] / "openapi" / "openapi.json"


def check(response: httpx.Response) -> None:
    """Fail if an answer does not match the contract of its operation.

    The status, media type, members and type of problem must be documented. Paths and methods that
    are not in the contract are not checked.
    """
    request = response.request
    # The raw path, because a name may contain an encoded slash.
    path = request.url.raw_path.partition(b"?")[0].decode()
    operation = _operation(request.method.lower(), path)
    if operation is None:
        return
    where = f"{request.method} {request.url.path} answered {response.status_code}"
    documented = operation["responses"].get(str(response.status_code))
    assert documented is not None, f"{where}, which is undocumented: {_text(response)}"
    content = documented.get("content")
    if not content:
        return
    media_type = response.headers["content-type"].partition(";")[0]
    assert media_type in content, f"{where} as {media_type}"
    if "json" not in media_type:
        return
    document = json.loads(_text(response))
    _validator(json.dumps(content[media_type]["schema"])).validate(document)
    if media_type == "application/problem+json":
        slug = document["type"].rpartition("/")[2]
        assert slug in content[media_type]["examples"], f"{where} as {slug}: not in the contract"


def _text(response: httpx.Response) -> str:
    response.read()
    return response.text


@functools.cache
def _contract() -> dict[str, Any]:
    contract: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
    for schema in contract["components"]["schemas"].values():
        # Clients must accept new members, but the service must document all its members.
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return contract


@functools.cache
def _operation(method: str, path: str) -> dict[str, Any] | None:
    for known, item in _contract()["paths"].items():
        pattern = re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(known))
        # Some operations are also available without the version prefix.
        if re.fullmatch(pattern, path) or re.fullmatch(pattern, f"/v1{path}"):
            operation: dict[str, Any] | None = item.get(method)
            return operation
    return None


@functools.cache
def _validator(schema: str) -> jsonschema.protocols.Validator:
    whole = json.loads(schema) | {"components": _contract()["components"]}
    return jsonschema.Draft202012Validator(whole)
