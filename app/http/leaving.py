"""Noticing that a client has left."""

from __future__ import annotations

from fastapi import Request


async def disconnected(request: Request) -> None:
    """Return when the client has closed the connection. The body has been read by now."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
