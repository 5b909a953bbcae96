"""Middleware: request id, body size limit, metrics, access log, and a handler for all errors.

It also handles `HEAD`, trailing slashes and compressed bodies, for all routes.
"""

from __future__ import annotations

import logging
import secrets
import time
from functools import lru_cache
from typing import Any, NamedTuple

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AzimuthError, BodyTooLarge, MalformedBody
from app.http.compression import Gunzip, gunzip_for
from app.http.problems import internal_error, render
from app.telemetry.logs import add_to_logs
from app.telemetry.metrics import LATENCY, REQUESTS

_log = logging.getLogger("azimuth.access")
_ID_HEADER = b"x-request-id"
_MAX_ID = 128
_QUIET = ("healthz", "readyz", "metrics")  # requested every few seconds by monitoring


class RequestMiddleware:
    """Plain ASGI, for speed and to count every byte of a body."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, max_bank_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._max_bank_bytes = max_bank_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        method, request_id = scope["method"], _request_id(scope)
        scope = {**scope, "path": _path(scope), "method": "GET" if method == "HEAD" else method}
        scope.setdefault("state", {})["request_id"] = request_id
        add_to_logs(request_id=request_id)
        exchange = _Exchange(scope, receive, send, self._limit(scope))
        exchange.without_body = method == "HEAD"
        try:
            await self._app(scope, exchange.receive, exchange.send)
            if exchange.refusal is not None:
                raise exchange.refusal
        except AzimuthError as error:
            if exchange.status is None:
                await render(error, request_id)(scope, receive, exchange.send_anyway)
        except Exception:
            _log.exception("unexpected error")
            if exchange.status is None:
                await internal_error(request_id)(scope, receive, exchange.send)
        finally:
            seconds = time.perf_counter() - started
            _record(scope, method, exchange.status, seconds)

    def _limit(self, scope: Scope) -> _Limit:
        if scope["method"] == "PUT" and scope["path"].startswith("/v1/banks/"):
            return _Limit(self._max_bank_bytes, "AZIMUTH_MAX_BANK_BYTES")
        return _Limit(self._max_body_bytes, "AZIMUTH_MAX_BODY_BYTES")


class _Limit(NamedTuple):
    size: int
    """Maximum size in bytes."""
    setting: str
    """Environment variable that sets it."""


class _Exchange:
    """The receive and send channels of one request, with a limit on the body."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: _Limit) -> None:
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._receive = receive
        self._send = send
        self._state: dict[str, Any] = scope["state"]
        """May get `response_headers`, which every response then has."""
        self._request_id = self._state["request_id"].encode()
        self._arrived = 0
        """Bytes of the body as they were sent."""
        self._received = 0
        """Bytes of the body, decompressed."""
        self._gunzip: Gunzip | None = None
        """Decompresses the body; None if it is not compressed."""
        self.limit = limit
        self.without_body = False
        """Whether to send the response without its body, for a HEAD request."""
        self.status: int | None = None
        self.refusal: AzimuthError | None = None
        """The error raised while the body was read, if any."""

    def _declared(self) -> int:
        """Content-Length; 0 without one."""
        for name, value in self._headers:
            if name == b"content-length" and value.isdigit():
                return int(value)
        return 0

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body is larger than {self.limit.size} bytes ({self.limit.setting})",
            extensions={"limit_bytes": self.limit.size},
        )

    async def receive(self) -> Message:
        """Receive the next part of the body. Raises the error that it sets as `refusal`.

        A body that is declared too large is refused before any of it is read, but after its caller
        has been checked.
        """
        if self._arrived == 0 and self._declared() > self.limit.size:
            self.refusal = self._too_large()
            raise self.refusal
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        try:
            return {**message, "body": self._checked(message)}
        except AzimuthError as error:
            self.refusal = error
            raise

    def _checked(self, message: Message) -> bytes:
        """The next chunk of the body, decompressed. Raises `BodyTooLarge` above the limit."""
        body: bytes = message.get("body", b"")
        if body and self._arrived == 0:
            self._gunzip = gunzip_for(self._headers)
        self._arrived += len(body)
        if self._gunzip is not None:
            # One byte above the limit is enough to detect that the body is too large.
            body = self._gunzip.unpack(body, self.limit.size - self._received + 1)
        self._received += len(body)
        if max(self._arrived, self._received) > self.limit.size:
            raise self._too_large()
        last = not message.get("more_body", False)
        if last and self._gunzip is not None and self._gunzip.unfinished:
            raise MalformedBody("the body is an incomplete gzip stream")
        return body

    async def send(self, message: Message) -> None:
        """Send a response, except the framework's own after an error in the body."""
        if self.refusal is None:
            await self.send_anyway(message)

    async def send_anyway(self, message: Message) -> None:
        """Send a response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            added = [(_ID_HEADER, self._request_id), *self._state.get("response_headers", ())]
            message["headers"] = [*message.get("headers", []), *added]
        elif self.without_body:
            message = {**message, "body": b""}
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """The caller's request id if it is printable ASCII, else a new one."""
    for name, value in scope["headers"]:
        if name == _ID_HEADER:
            given: str = value.decode("latin-1")
            if 0 < len(given) <= _MAX_ID and all(33 <= ord(c) < 127 for c in given):
                return given
    return secrets.token_hex(16)


def _path(scope: Scope) -> str:
    """The path without slashes at its end. An encoded slash (`%2F`) belongs to a name and stays.

    A redirect would not do: behind a proxy with TLS it would lead to `http://`.
    """
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or path.encode()
    slashes = len(raw) - len(raw.rstrip(b"/"))
    return path[: len(path) - slashes] or "/"


def _record(scope: Scope, method: str, status: int | None, seconds: float) -> None:
    route = scope.get("route")
    operation = getattr(route, "operation_id", None) or getattr(route, "name", None) or "none"
    requests, latency = _metrics_of(operation, status)
    requests.inc()
    latency.observe(seconds)
    level = logging.DEBUG if operation in _QUIET else logging.INFO
    if not _log.isEnabledFor(level):
        return
    details = scope["state"].get("log", {})
    if (api_key := scope["state"].get("api_key")) is not None:
        details = {"api_key": api_key, **details}
    _log.log(
        level,
        "%s %s %s",
        method,
        scope["path"],
        status,
        extra={"ms": round(seconds * 1000, 2), **details},
    )


@lru_cache(maxsize=1000)
def _metrics_of(operation: str, status: int | None) -> tuple[Counter, Histogram]:
    """The request counter and the latency of an operation: looking up labels takes a while."""
    return REQUESTS.labels(operation, str(status)), LATENCY.labels(operation)
