"""`GET` and `POST /v1/keys`; `DELETE /v1/keys/{key_id}`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from app.access.schemas import KeyIn, KeyOut, KeysOut, NewKeyOut, members_of
from app.errors import Forbidden, UnknownApiKey
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.http.routing import JsonRoute
from app.settings import Settings
from app.store.keys import KeyStore

Keys = Annotated[KeyStore, provided(KeyStore)]


async def _in_use(settings: Annotated[Settings, provided(Settings)]) -> None:
    """Raise `Forbidden` where keys are not used.

    There everyone could create one, and use it once the service asks for keys.
    """
    if settings.api.auth != "keys":
        raise Forbidden(
            f"the service uses no API keys (AZIMUTH_AUTH is {settings.api.auth}); "
            "the command python -m app.access creates them"
        )


router = APIRouter(tags=["keys"], route_class=JsonRoute, dependencies=[Depends(_in_use)])

_EXAMPLE: dict[str, Any] = {
    "id": "3f9c1e07ab52",
    "tenant": "support-team",
    "scopes": ["select"],
    "created_ms": 1_764_259_200_000,
    "expires_ms": 1_772_035_200_000,
    "requests_per_minute": 600,
}
_EXAMPLE_IN = {
    "tenant": "support-team",
    "scopes": ["select"],
    "expires_in_days": 90,
    "requests_per_minute": 600,
}
_EXAMPLE_NEW = _EXAMPLE | {"secret": f"az_3f9c1e07ab52_{'0123456789abcdef' * 4}"}


@router.get(
    "/keys",
    operation_id="list_keys",
    summary="List API keys",
    responses=answers({"keys": [_EXAMPLE]}, "All keys") | problem_responses("store-unavailable"),
)
async def list_keys(keys: Keys) -> KeysOut:
    """All keys, without their secrets."""
    return KeysOut(keys=[KeyOut(**members_of(key)) for key in await keys.all()])


@router.post(
    "/keys",
    operation_id="create_key",
    summary="Create an API key",
    status_code=201,
    responses=answers(_EXAMPLE_NEW, "Created", status=201)
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "body-too-large",
        "unsupported-format",
        "store-unavailable",
    ),
    openapi_extra={"requestBody": {"content": {"application/json": {"example": _EXAMPLE_IN}}}},
)
async def create_key(keys: Keys, body: KeyIn, response: Response) -> NewKeyOut:
    """Create a key. Its secret is shown once, in this answer; only its hash is stored."""
    key, secret = await keys.create(body.grant(), days=body.expires_in_days)
    response.headers["Cache-Control"] = "no-store"
    return NewKeyOut(**members_of(key), secret=secret)


@router.delete(
    "/keys/{key_id}",
    operation_id="revoke_key",
    summary="Revoke an API key",
    status_code=204,
    responses=problem_responses("invalid-request", "unknown-api-key", "store-unavailable"),
)
async def revoke_key(keys: Keys, key_id: str) -> None:
    """Revoke a key by its id. From then on its requests are refused."""
    if not await keys.revoke(key_id):
        raise UnknownApiKey(f"no API key has the id {key_id[:100]!r}")
