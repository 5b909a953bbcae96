"""Routes that reject bodies with invalid Unicode."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.errors import MalformedBody


class UnicodeRoute(APIRoute):
    """Rejects JSON that contains a lone surrogate, as an escape or as bytes.

    `"\\ud800"` is valid JSON, but its string cannot be encoded in UTF-8, and so cannot be hashed,
    stored or sent to a model.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler with a check of the body."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            refuse_lone_surrogates(await request.body())
            return await handler(request)

        return handle


def refuse_lone_surrogates(body: bytes) -> None:
    """Raise `MalformedBody` for a JSON body with a lone surrogate or invalid UTF-8.

    The JSON parsers used later accept both. The usual cost is one search of the text.
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
        raise MalformedBody(
            "the body contains a lone surrogate (\\ud800 to \\udfff), which is not valid Unicode"
        ) from error
    except (ValueError, RecursionError):
        return  # not JSON: validation reports where
