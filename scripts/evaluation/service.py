"""A running Azimuth as the benchmark uses it: over HTTP, patient with load and restarts."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

DEADLINE_S = 6 * 3600.0
"""Deadline of a scoring request: on a CPU a queue may be hours long."""
_PATIENCE_S = 600.0
"""How long a service may be away or full before the run gives up."""
_RETRIED = {429, 503}


class ServiceProblem(Exception):
    """The service refused a request or could not answer it."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title', '')}: {problem.get('detail', '')}")
        self.status = status
        self.problem = problem

    @property
    def permanent(self) -> bool:
        """Whether every other scenario would meet the same: a slip in the settings."""
        name = str(self.problem.get("type", "")).rpartition("/")[2]
        return name.startswith("unknown-") and name != "unknown-score-set"


class ServiceAway(Exception):
    """The service could not be reached for too long."""


class Service:
    """A bounded number of requests at once; waits where it is told to."""

    def __init__(self, url: str, concurrency: int, *, patience_s: float = _PATIENCE_S) -> None:
        self._client = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=httpx.Timeout(900.0))
        self._slots = asyncio.Semaphore(concurrency)
        self._patience_s = patience_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def score(self, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """The answer of `/score`, and the seconds that it took. Raises like `post`."""
        return await self._wait_for("/v1/score", body)

    async def select(self, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """The answer of `/select`, and the seconds that it took. Raises like `post`."""
        return await self._wait_for("/v1/select", body)

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """A request, repeated while the service is full or away.

        Raises `ServiceProblem` for any other problem, `ServiceAway` when patience ends.
        """
        content = orjson.dumps(body)
        headers = {"Content-Type": "application/json"}
        return await self._send("POST", path, content, headers)

    async def get(self, path: str) -> dict[str, Any]:
        """A JSON document. Raises like `post`."""
        answer: dict[str, Any] = (await self._send("GET", path)).json()
        return answer

    async def put_bank(self, name: str, lines: bytes) -> None:
        """Store a bank. Raises like `post`."""
        await self._send("PUT", f"/v1/banks/{name}", lines)

    async def _wait_for(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """Ask, and where the answer is that the scores are on their way, poll and ask again."""
        async with self._slots:
            started = time.monotonic()
            while True:
                response = await self.post(path, {**body, "deadline_s": DEADLINE_S})
                if response.status_code != 202:
                    return orjson.loads(response.content), time.monotonic() - started
                place = response.headers["Location"]
                pending = True
                while pending:  # ours is the only place to learn it: the service pushes to nobody
                    await asyncio.sleep(1.0)
                    pending = (await self.get(place))["status"] == "pending"

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        end = time.monotonic() + self._patience_s
        while True:
            pause, why = 1.0, ""
            try:
                response = await self._client.request(
                    method, path, content=content, headers=headers
                )
            except httpx.TransportError as error:
                why = f"{self._client.base_url} cannot be reached: {error!r}"
            else:
                if response.status_code < 400:
                    return response
                problem = _problem(response)
                if response.status_code not in _RETRIED:
                    raise problem
                pause = float(response.headers.get("Retry-After", pause))
                why = str(problem)
            if time.monotonic() + pause > end:
                raise ServiceAway(why)
            await asyncio.sleep(pause)


def _problem(response: httpx.Response) -> ServiceProblem:
    try:
        document = response.json()
    except ValueError:
        document = {"detail": response.text[:300]}
    return ServiceProblem(response.status_code, document if isinstance(document, dict) else {})
