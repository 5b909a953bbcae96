"""Answers in JSON."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from app.schema import Rendered


def json_answer(rendered: Rendered, status: int = 200) -> Response:
    """The response with a rendered body."""
    body = orjson.dumps(rendered, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, status, media_type="application/json")
