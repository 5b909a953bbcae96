"""Around every request: an id, a size limit, metrics, a log line, and a handler for all errors."""

from __future__ import annotations

import logging
import time
import uuid
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge
from app.http.problems import internal_error, render
from app.telemetry.metrics import LATENCY, REQUESTS

_log = logging.getLogger("azimuth.access")
_ID_HEADER = b"x-request-id"
_MAX_ID = 128
_QUIET = ("healthz", "readyz", "metrics")  # requested every few seconds by monitoring


class RequestMiddleware:
    """The only middleware. Pure ASGI: it is cheap, and it sees every byte."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, max_bank_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._max_bank_bytes = max_bank_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        exchange = _Exchange(receive, send, request_id, self._limit(scope))
        try:
            if exchange.declared(scope) > exchange.limit.size:
                raise exchange.too_large()
            await self._app(scope, exchange.receive, exchange.send)
            if exchange.overflowed:
                raise exchange.too_large()
        except BodyTooLarge as error:
            await render(error, request_id)(scope, receive, exchange.send_anyway)
        except Exception:
            _log.exception("unexpected error", extra={"request_id": request_id})
            if exchange.status is None:
                await internal_error(request_id)(scope, receive, exchange.send)
        finally:
            _record(scope, exchange.status, time.perf_counter() - started, request_id)

    def _limit(self, scope: Scope) -> _Limit:
        if scope["method"] == "PUT" and scope["path"].startswith("/v1/banks/"):
            return _Limit(self._max_bank_bytes, "AZIMUTH_MAX_BANK_BYTES")
        return _Limit(self._max_body_bytes, "AZIMUTH_MAX_BODY_BYTES")


class _Limit(NamedTuple):
    size: int
    """Bytes."""
    setting: str
    """The setting that it comes from."""


class _Exchange:
    """One request's receive and send, with a limit on the body."""

    def __init__(self, receive: Receive, send: Send, request_id: str, limit: _Limit) -> None:
        self._receive = receive
        self._send = send
        self._request_id = request_id.encode()
        self._received = 0
        self.limit = limit
        self.status: int | None = None
        self.overflowed = False
        """The body exceeded the limit while it was read."""

    def declared(self, scope: Scope) -> int:
        """Content-Length; 0 without one."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                return int(value)
        return 0

    def too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body has more than {self.limit.size} bytes ({self.limit.setting})",
            extensions={"limit_bytes": self.limit.size},
        )

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self.limit.size:
                self.overflowed = True
                raise self.too_large()
        return message

    async def send(self, message: Message) -> None:
        """Send a response, unless it is the framework's own to a body over the limit."""
        if not self.overflowed:
            await self.send_anyway(message)

    async def send_anyway(self, message: Message) -> None:
        """Send a response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", []), (_ID_HEADER, self._request_id)]
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """The caller's id if it is printable ASCII, so that traces join up; else a new one."""
    for name, value in scope["headers"]:
        if name == _ID_HEADER:
            given: str = value.decode("latin-1")
            if 0 < len(given) <= _MAX_ID and all(33 <= ord(c) < 127 for c in given):
                return given
    return uuid.uuid4().hex


def _record(scope: Scope, status: int | None, seconds: float, request_id: str) -> None:
    route = scope.get("route")
    operation = getattr(route, "operation_id", None) or getattr(route, "name", None) or "none"
    REQUESTS.labels(operation, str(status)).inc()
    LATENCY.labels(operation).observe(seconds)
    details = scope["state"].get("log", {})
    level = logging.DEBUG if operation in _QUIET else logging.INFO
    _log.log(
        level,
        "%s %s %s",
        scope["method"],
        scope["path"],
        status,
        extra={"request_id": request_id, "ms": round(seconds * 1000, 2), **details},
    )
