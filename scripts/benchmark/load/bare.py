"""What FastAPI alone costs: a route that validates the body of `/retarget` and answers given bytes.

`python -m scripts.benchmark.load.bare PORT FILE` serves it on the loopback address.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response

from app.selection.requests import RetargetRequest


def create_app(answer: bytes) -> FastAPI:
    """An app with one route, whose answer is always the same."""
    app = FastAPI()

    @app.post("/v1/retarget")
    async def retarget(body: RetargetRequest) -> Response:
        return Response(answer, media_type="application/json")

    return app


if __name__ == "__main__":
    bare = create_app(Path(sys.argv[2]).read_bytes())
    uvicorn.run(bare, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
