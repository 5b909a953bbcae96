"""Clients of a soak: each asks, waits for its answer, and checks it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from scripts.benchmark.soak.scenarios import ATTRIBUTES, Known, random_target

_PAUSE_S = 0.2
_PATIENCE_S = 120.0
"""Longest wait for an answer, all attempts together; then the caller is one without an answer."""
_KINDS = {"select": 8, "score": 4, "retarget": 4, "poll": 2, "bank": 1, "leave": 1}
_NOT_NOW = (429, 503)


@dataclass
class Tally:
    """What was asked and what came back."""

    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    """Requests sent again: the connection broke, or the answer was 429 or 503."""
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class NoAnswer(Exception):
    """The service gave no answer, or one that no client should get."""


class Client:
    """Sends one request after another."""

    def __init__(
        self, http: httpx.AsyncClient, known: list[Known], tally: Tally, seed: int
    ) -> None:
        self._http, self._known, self._tally = http, known, tally
        self._rng = random.Random(seed)
        self._scored: dict[str, tuple[Known, list[str]]] = {}
        """Id of a score set -> its scenario and what it was scored on."""
        self._name = f"soak-{seed}"

    async def run_until(self, end: float) -> None:
        """Ask until `end` (`time.monotonic`)."""
        while time.monotonic() < end:
            kind = self._rng.choices(list(_KINDS), list(_KINDS.values()))[0]
            if kind == "retarget" and not self._scored:
                kind = "select"
            self._tally.asked[kind] += 1
            started = time.monotonic()
            try:
                wrong = await getattr(self, f"_{kind}")(self._rng.choice(self._known))
            except NoAnswer as error:
                self._tally.wrong.append(f"{kind}: {error}")
                continue
            self._tally.answered[kind] += 1
            self._tally.seconds.append(time.monotonic() - started)
            if wrong is not None:
                self._tally.wrong.append(f"{kind}: {wrong}")

    async def _select(self, known: Known) -> str | None:
        target = random_target(self._rng)
        answer = await self._send("POST", "/v1/select", known.body(self._rng) | {"target": target})
        self._remember(answer["score_set"], known, list(target))
        wrong = known.wrong_scores(answer["score_set"], list(target))
        return wrong or known.wrong_choice(answer["selection"], target)

    async def _score(self, known: Known, **more: Any) -> str | None:
        names = self._rng.sample(ATTRIBUTES, 2)
        body = known.body(self._rng) | {"attributes": names} | more
        answer = await self._send("POST", "/v1/score", body)
        self._remember(answer, known, names)
        return known.wrong_scores(answer, names)

    async def _retarget(self, _: Known) -> str | None:
        score_set = self._rng.choice(list(self._scored))
        known, names = self._scored[score_set]
        target = {name: self._rng.choice((0.0, 0.3, 1.0)) for name in names}
        body = {"score_set_ids": score_set, "targets": target}
        (pair,) = (await self._send("POST", "/v1/retarget", body))["pairs"]
        if "selection" not in pair:
            return f"{pair}"
        return known.wrong_choice(pair["selection"], target)

    async def _poll(self, known: Known) -> str | None:
        body = known.body(self._rng) | {"attributes": list(ATTRIBUTES)}
        answer = await self._send("POST", "/v1/score", body, {"Prefer": "respond-async"})
        return known.wrong_scores(answer, ATTRIBUTES)

    async def _bank(self, known: Known) -> str | None:
        """Store a bank of its own and score with its examples."""
        lines = "\n".join(one.line() for one in self._rng.sample(self._known, 8))
        await self._send("PUT", f"/v1/banks/{self._name}", lines.encode())
        return await self._score(known, scoring={"bank": self._name})

    async def _leave(self, known: Known) -> str | None:
        """Close the connection before the answer."""
        body = known.body(self._rng) | {"attributes": list(ATTRIBUTES)}
        try:
            await self._http.post("/v1/score", json=body, timeout=self._rng.random() / 10 + 0.01)
        except httpx.TransportError:
            await asyncio.sleep(0)
        return None

    def _remember(self, score_set: Any, known: Known, names: list[str]) -> None:
        self._scored[score_set["id"]] = known, names

    async def _send(
        self, method: str, path: str, body: Any, headers: dict[str, str] | None = None
    ) -> Any:
        """The answer, also if the service was away meanwhile. Raises `NoAnswer`."""
        end = time.monotonic() + _PATIENCE_S
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        while time.monotonic() < end:
            try:
                response = await self._http.request(method, path, headers=headers, **content)
                if response.status_code == 202:
                    scored = await self._polled(response.headers["location"], end)
                    if path == "/v1/score":
                        return scored
                    continue  # the selection is made from the cache now
            except httpx.TransportError:
                response = None
            if response is not None and response.status_code < 300:
                return response.json()
            if response is not None and response.status_code not in _NOT_NOW:
                raise NoAnswer(f"{response.status_code} {response.text[:500]}")
            self._tally.repeated += 1
            await asyncio.sleep(_PAUSE_S)
        raise NoAnswer(f"nothing within {_PATIENCE_S:g} s")

    async def _polled(self, location: str, end: float) -> Any:
        while time.monotonic() < end:
            try:
                response = await self._http.get(location)
                if response.status_code == 200 and response.json()["status"] != "pending":
                    return response.json()
                if response.status_code not in (200, *_NOT_NOW):
                    raise NoAnswer(f"{response.status_code} {response.text[:500]}")
            except httpx.TransportError:
                self._tally.repeated += 1
            await asyncio.sleep(_PAUSE_S)
        raise NoAnswer(f"still pending after {_PATIENCE_S:g} s: {location}")
