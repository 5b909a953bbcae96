"""Middleware that lets requests pass only with an API key that has a scope and a limit for them."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.limits import limit_headers, refusal
from app.access.policy import OPEN, costs_tokens, scopes_for
from app.domain.access import ApiKey
from app.errors import Forbidden, Unauthorized
from app.store.key_usage import KeyUsage
from app.store.keys import KeyStore
from app.store.tenancy import acting_for


class AccessMiddleware:
    """Refuses by default: a new route is for the scope `admin` until the policy names it.

    It is inside of `RequestMiddleware`, which renders its errors.
    """

    def __init__(self, app: ASGIApp, *, open_metrics: bool) -> None:
        self._app = app
        self._open_metrics = open_metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none
            await send({"type": "websocket.close", "code": 1008})
            return
        key = await self._admitted(scope) if scope["type"] == "http" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        payer = key.id if key.grant.tokens_per_minute is not None else ""
        with acting_for(key.grant.tenant, payer=payer):
            await self._app(scope, receive, send)

    async def _admitted(self, scope: Scope) -> ApiKey | None:
        """The key of a request; None if it needs none.

        Raise `Unauthorized`, `Forbidden` or `RateLimited` unless the request may proceed.
        """
        method, path, state = scope["method"], scope["path"], scope["state"]
        scopes = scopes_for(method, path, open_metrics=self._open_metrics)
        if scopes == OPEN:
            return None
        secret = _secret(scope["headers"])
        if secret is None:
            raise Unauthorized(
                "an API key is needed: send it as 'Authorization: Bearer az_…' or 'X-Api-Key: az_…'"
            )
        keys = state["provided"][KeyStore]
        assert isinstance(keys, KeyStore)
        key = await keys.authenticate(secret)
        state["api_key"] = key.id  # for the access log
        if not key.allows(scopes):
            needed = " or ".join(sorted(scopes | {"admin"}, key=lambda one: (one == "admin", one)))
            raise Forbidden(
                f"{method} {path} needs a key with the scope {needed}; "
                f"this key has {', '.join(key.grant.scopes)}"
            )
        usage = state["provided"][KeyUsage]
        assert isinstance(usage, KeyUsage)
        taken = await usage.take(key, costs_tokens=costs_tokens(method, path))
        state["response_headers"] = limit_headers(taken.allowances)
        if not taken.allowed:
            raise refusal(taken.allowances)
        return key


def _secret(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The secret in `Authorization: Bearer` or else in `X-Api-Key`; None without one."""
    given = {name: value.decode("latin-1").strip() for name, value in headers}
    kind, _, token = given.get(b"authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    return given.get(b"x-api-key") or None
