"""Exchanges with a real endpoint, recorded once and replayed.

`AZIMUTH_TEST_LIVE=1` asks the real endpoint and records anew; without it no endpoint is started.
A request is known by its method, path and body; the same one sent again gets the next recorded
answer, and after the last one the last again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

LIVE = os.environ.get("AZIMUTH_TEST_LIVE") == "1"
FOLDER = Path(__file__).parent / "recordings"


class RecordedEndpoint(httpx.AsyncBaseTransport):
    """A transport that replays what a real endpoint answered; live, it passes on and records."""

    def __init__(self, name: str) -> None:
        self._path = FOLDER / f"{name}.json.gz"
        self._exchanges: dict[str, list[dict[str, Any]]] = {}
        self._seen: Counter[str] = Counter()
        self._inner = httpx.AsyncHTTPTransport() if LIVE else None
        if not LIVE:
            self._exchanges = json.loads(gzip.decompress(self._path.read_bytes()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        key = _key(request, body)
        if self._inner is not None:
            response = await self._inner.handle_async_request(request)
            content = await response.aread()
            recorded = {"status": response.status_code, "body": json.loads(content)}
            self._exchanges.setdefault(key, []).append(recorded)
        answers = self._exchanges.get(key)
        if answers is None:
            raise AssertionError(
                f"no recorded answer to {request.method} {request.url.path}: the request has "
                f"changed; record again with AZIMUTH_TEST_LIVE=1 ({body[:300]!r})"
            )
        answer = answers[min(self._seen[key], len(answers) - 1)]
        self._seen[key] += 1
        return httpx.Response(answer["status"], json=answer["body"])

    async def aclose(self) -> None:
        if self._inner is not None:
            await self._inner.aclose()

    def save(self) -> None:
        """Keep what was recorded; nothing to do when it was replayed."""
        if self._inner is not None:
            FOLDER.mkdir(exist_ok=True)
            content = json.dumps(self._exchanges, sort_keys=True, separators=(",", ":")).encode()
            self._path.write_bytes(gzip.compress(content, mtime=0))


def _key(request: httpx.Request, body: bytes) -> str:
    """Digest of a request, whatever the host and the order of members."""
    content = json.loads(body) if body else None
    parts = [request.method, request.url.path, content]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
