"""Routes that take nothing in which cannot be stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.errors import MalformedBody


class UnicodeRoute(APIRoute):
    """Refuses JSON with half a character in it, as an escape or as bytes.

    `"\\ud800"` is valid JSON, but the string that it stands for has no UTF-8 form: it could be
    neither hashed nor stored nor shown to a model.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, after a look at the body."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            refuse_half_characters(await request.body())
            return await handler(request)

        return handle


def refuse_half_characters(body: bytes) -> None:
    """Raise `MalformedBody` when a JSON body holds a lone surrogate, or bytes that are no text.

    JSON is read leniently later on: bytes of half a character would pass. Costs a search.
    """
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the body is not JSON in UTF-8: {error.reason}") from error
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedBody("the body holds half a character (a lone surrogate)") from error
    except (ValueError, RecursionError):
        return  # no JSON that anybody reads: validation says so, and where
