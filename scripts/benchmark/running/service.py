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
_FIRST_PATIENCE_S = 10.0
"""The same for one that has never answered: it may not be there at all."""
_RETRIED = {429, 503}
_MOST_ATTEMPTS = 3
_UNSCORED = {"cells-unscored", "context-overflow"}
_SCENARIO = ("#/question", "#/responses", "#/attributes", "#/target", "#/bank", "#/deadline_s")
"""What a refused field may begin with without every scenario meeting the same refusal."""


class ServiceProblem(Exception):
    """The service refused a request or could not answer it."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title', '')}: {problem.get('detail', '')}")
        self.status = status
        self.problem = problem

    @property
    def permanent(self) -> bool:
        """Whether every other scenario would meet the same: a slip in the settings."""
        if self.slug == "invalid-request" and self.pointers:
            return not any(pointer.startswith(_SCENARIO) for pointer in self.pointers)
        return self.slug.startswith("unknown-") and self.slug != "unknown-score-set"

    @property
    def slug(self) -> str:
        """The problem's type without its path."""
        return str(self.problem.get("type", "")).rpartition("/")[2]

    @property
    def pointers(self) -> list[str]:
        """JSON pointers to the fields at fault."""
        errors = self.problem.get("errors")
        return [str(e.get("pointer")) for e in errors] if isinstance(errors, list) else []

    @property
    def reason(self) -> str | None:
        """Why the model gave no valid answer; None when that is not what went wrong."""
        if self.slug not in _UNSCORED:
            return None
        unscored = self.problem.get("unscored") or [{}]
        return str(unscored[0].get("reason", self.slug))


class ServiceAway(Exception):
    """The service could not be reached for too long."""


class Service:
    """A bounded number of requests at once; waits where it is told to."""

    def __init__(self, url: str, concurrency: int, *, patience_s: float = _PATIENCE_S) -> None:
        self._client = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=httpx.Timeout(900.0))
        self.concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._patience_s = patience_s
        self._reached = False
        self._deadline: dict[str, float] = {"deadline_s": DEADLINE_S}

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

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Put a JSON document; the answer. Raises like `post`."""
        headers = {"Content-Type": "application/json"}
        response = await self._send("PUT", path, orjson.dumps(body), headers)
        answer: dict[str, Any] = response.json()
        return answer

    async def put_bank(self, name: str, lines: bytes) -> None:
        """Store a bank. Raises like `post`."""
        await self._send("PUT", f"/v1/banks/{name}", lines)

    async def _wait_for(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """Ask, and where the answer is that the scores are on their way, poll and ask again.

        The service asks the model anew for what is unscored. Where that takes longer than it waits,
        every answer would be that it is on its way: after some attempts the absence is the answer.
        """
        async with self._slots:
            started = time.monotonic()
            fresh: set[str] = set()
            attempts = 0
            while True:
                response = await self._ask(path, body)
                if response.status_code != 202:
                    answer: dict[str, Any] = orjson.loads(response.content)
                    break
                settled = await self._settled(response.headers["Location"], fresh)
                attempts += any(cell["status"] == "unscored" for cell in settled["cells"])
                if attempts == _MOST_ATTEMPTS:
                    answer = _as_asked(settled, path, body)
                    break
            for cell in answer.get("score_set", answer)["cells"]:
                # In the cache by now, but it was this request that it was scored for.
                if "cached" in cell:
                    cell["cached"] = cell["cached"] and cell["definition_id"] not in fresh
            return answer, time.monotonic() - started

    async def _ask(self, path: str, body: dict[str, Any]) -> httpx.Response:
        deadline = self._deadline
        try:
            return await self.post(path, {**body, **deadline})
        except ServiceProblem as problem:
            if not deadline or problem.pointers != ["#/deadline_s"]:
                raise
        self._deadline = {}  # later than this service allows: it has its own
        return await self.post(path, body)

    async def _settled(self, place: str, fresh: set[str]) -> dict[str, Any]:
        """The score set once nothing of it is pending; what was is noted in `fresh`."""
        while True:
            try:
                found = await self.get(f"{place}?calibration=none")
            except ServiceProblem as problem:
                if problem.slug != "unknown-score-set":
                    raise
                return {"cells": []}  # the service forgot it: to be asked for again
            fresh.update(c["definition_id"] for c in found["cells"] if c["status"] == "pending")
            if found["status"] != "pending":
                return found
            await asyncio.sleep(1.0)  # the service pushes to nobody

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        since: float | None = None  # when it was first away or full
        while True:
            pause, why = 1.0, ""
            try:
                response = await self._client.request(
                    method, path, content=content, headers=headers
                )
            except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise ServiceAway(f"{self._client.base_url} is no URL: {error}") from error
            except httpx.TransportError as error:
                why = f"{self._client.base_url} cannot be reached: {error!r}"
            else:
                self._reached = True
                if response.status_code < 400:
                    return response
                problem = _problem(response)
                if response.status_code not in _RETRIED:
                    raise problem
                pause = float(response.headers.get("Retry-After", pause))
                why = str(problem)
            since = since or time.monotonic()
            patience = self._patience_s
            if not self._reached:
                patience = min(patience, _FIRST_PATIENCE_S)
            if time.monotonic() + pause > since + patience:
                raise ServiceAway(why)
            await asyncio.sleep(pause)


def _as_asked(score_set: dict[str, Any], path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A looked-up score set as the answer to the request that it was asked for with.

    Raises `ServiceProblem` where the answer would have been a choice.
    """
    if not path.endswith("/score"):
        unscored = [
            {"attribute": cell["attribute"], "reason": cell["reason"], "detail": cell["detail"]}
            for cell in score_set["cells"]
            if cell["status"] == "unscored"
        ]
        problem = {
            "type": "/problems/cells-unscored",
            "title": "The model gave no valid answer",
            "detail": f"{unscored[0]['reason']}, {_MOST_ATTEMPTS} times",
            "unscored": unscored,
        }
        raise ServiceProblem(422, problem)
    names = [a if isinstance(a, str) else a["name"] for a in body["attributes"]]
    cells = [cell for cell in score_set["cells"] if cell["attribute"] in names]
    return {**score_set, "cells": cells}


def _problem(response: httpx.Response) -> ServiceProblem:
    try:
        document = response.json()
    except ValueError:
        document = {"detail": response.text[:300]}
    return ServiceProblem(response.status_code, document if isinstance(document, dict) else {})
