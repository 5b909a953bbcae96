"""Middleware that refuses requests to names that are not the service's: DNS rebinding.

A web page on `evil.example` can let that name lead to 127.0.0.1. Its scripts then reach a service
on the loopback address, and browsers allow that, because to them the origin is the page's own. Only
the `Host` header shows it.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.exposure import is_loopback
from app.errors import WrongHost
from app.settings import ApiSettings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Always allowed: a page of one of these origins comes from this machine."""


def names_of(api: ApiSettings) -> frozenset[str] | None:
    """The names by which requests may call the service; None if any will do."""
    if api.host_names:
        return None if "*" in api.host_names else _LOOPBACK | set(api.host_names)
    if is_loopback(api.host):
        return _LOOPBACK | {f"[{api.host}]" if ":" in api.host else api.host}
    return None


class HostMiddleware:
    """Compares the name in `Host`, without its port."""

    def __init__(self, app: ASGIApp, *, names: Collection[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # Every `Host`. Without one, as in HTTP/1.0, the request is not a browser's.
            for name, value in scope["headers"]:
                if name == b"host" and _name(value) not in self._names:
                    host = value.decode("latin-1")[:100]
                    raise WrongHost(f"the service is not called {host!r} (AZIMUTH_ALLOWED_HOSTS)")
        await self._app(scope, receive, send)


@lru_cache(maxsize=256)
def _name(value: bytes) -> str:
    """The name in a `Host` header, without the port."""
    host = value.decode("latin-1").strip().lower()
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdigit() or not port) else host
