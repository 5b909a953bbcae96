"""Routes that take nothing in which cannot be stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.errors import MalformedBody


class UnicodeRoute(APIRoute):
    """Refuses JSON whose escapes make half a character.

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
    """Raise `MalformedBody` when a JSON body holds a lone surrogate; costs a search otherwise."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedBody("the body holds half a character (a lone surrogate)") from error
    except ValueError:
        return  # no JSON at all: validation says so, and where
