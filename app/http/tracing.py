"""Middleware: a span for each request, part of the caller's trace if there is one."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry.traces import span

_UNTRACED = ("/healthz", "/readyz", "/metrics")  # requested every few seconds by monitoring


class TracingMiddleware:
    """Plain ASGI. Has to be inside the middleware that sets the request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UNTRACED:
            await self._app(scope, receive, send)
            return
        status = 0

        async def noting_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        parent = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"traceparent"), "")
        method = scope["method"]
        with span(method, "server", parent) as recorded:
            recorded.set({"http.request.method": method, "url.path": scope["path"]})
            recorded.set({"azimuth.request_id": scope["state"]["request_id"]})
            await self._app(scope, receive, noting_status)
            if (route := getattr(scope.get("route"), "path", None)) is not None:
                recorded.rename(f"{method} {route}")
                recorded.set({"http.route": route})
            recorded.set({"http.response.status_code": status})
