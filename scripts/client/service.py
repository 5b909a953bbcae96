"""The operations that scripts use, with the answers as the models of the contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
import orjson

from app.attribute_sets.schemas import AttributeSetOut
from app.banks.schemas import StoredBankOut
from app.calibrations.schemas import CalibrationOut
from app.domain.bank_files.reading import AS_THEY_ARE, Options
from app.scores.schemas import (
    CompactRetargetOut,
    RetargetOut,
    ScoreOut,
    ScoreSetOut,
    SelectOut,
)
from scripts.client.answers import asked_for, never_scored, unmark_cached
from scripts.client.connection import PATIENCE_S, Connection
from scripts.client.problems import ServiceProblem

Body = Mapping[str, Any]
"""A request as JSON; the service checks it."""

DEADLINE_S = 6 * 3600.0
"""Deadline of a scoring request: on a CPU a queue may be hours long."""
_MOST_ATTEMPTS = 3
_FIRST_POLL_S, _LONGEST_POLL_S = 0.1, 2.0

_Answer = TypeVar("_Answer", ScoreOut, SelectOut)


class Service:
    """A running Azimuth. Sends a bounded number of scoring requests at once.

    All methods raise `ServiceProblem` and `ServiceAway`.
    """

    def __init__(
        self,
        url: str,
        concurrency: int = 1,
        *,
        patience_s: float = PATIENCE_S,
        api_key: str | None = None,
    ) -> None:
        self.concurrency = concurrency
        self._connection = Connection(url, patience_s, api_key)
        self._slots = asyncio.Semaphore(concurrency)
        self._deadline: Body = {"deadline_s": DEADLINE_S}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def score(self, body: Body) -> tuple[ScoreSetOut, float]:
        """Score a scenario; the score set, and the seconds that it took."""
        async with self._slots:
            started = time.monotonic()
            answer = await self._scored("/v1/score", body, ScoreOut)
            return answer, time.monotonic() - started

    async def select(self, body: Body) -> tuple[SelectOut, float]:
        """Select a response; the answer, and the seconds that it took."""
        async with self._slots:
            started = time.monotonic()
            answer = await self._scored("/v1/select", body, SelectOut)
            if isinstance(answer, ScoreSetOut):
                raise never_scored(answer, _MOST_ATTEMPTS)
            return answer, time.monotonic() - started

    async def retarget(self, body: Body) -> RetargetOut:
        """Select for every pair of score set and target."""
        response = await self._post("/v1/retarget", body)
        return RetargetOut.model_validate_json(response.content)

    async def retarget_compact(self, body: Body) -> CompactRetargetOut:
        """Select for every pair of score set and target; the answer is indices."""
        response = await self._post("/v1/retarget", {**body, "compact": True})
        return CompactRetargetOut.model_validate_json(response.content)

    async def attribute_set(self, name: str) -> AttributeSetOut:
        """An attribute set with its definitions."""
        response = await self._connection.send("GET", _path("attribute-sets", name))
        return AttributeSetOut.model_validate_json(response.content)

    async def put_bank(
        self, name: str, content: bytes, labels: Options = AS_THEY_ARE
    ) -> StoredBankOut:
        """Store a bank from the content of a file whose labels are read in this way."""
        given = {"scale": str(labels.scale), "unlabelled": labels.unlabelled}
        defaults = {"scale": str(AS_THEY_ARE.scale), "unlabelled": AS_THEY_ARE.unlabelled}
        query = urlencode({k: v for k, v in given.items() if v != defaults[k]})
        path = _path("banks", name) + (f"?{query}" if query else "")
        response = await self._connection.send("PUT", path, content)
        return StoredBankOut.model_validate_json(response.content)

    async def fit(self, name: str, body: Body) -> CalibrationOut:
        """Begin to fit a calibration."""
        content = orjson.dumps(body)
        response = await self._connection.send("PUT", _path("calibrations", name), content)
        return CalibrationOut.model_validate_json(response.content)

    async def calibration(self, name: str) -> CalibrationOut:
        """A calibration and the state of its last fit."""
        response = await self._connection.send("GET", _path("calibrations", name))
        return CalibrationOut.model_validate_json(response.content)

    async def delete_calibration(self, name: str) -> None:
        """Delete a calibration if there is one, and stop its fit."""
        try:
            await self._connection.send("DELETE", _path("calibrations", name))
        except ServiceProblem as problem:
            if problem.slug != "unknown-calibration":
                raise

    async def calibration_file(self, name: str) -> bytes:
        """A fitted calibration as a file."""
        response = await self._connection.send("GET", _path("calibration-files", name))
        return response.content

    async def _scored(self, path: str, body: Body, kind: type[_Answer]) -> _Answer | ScoreSetOut:
        """Send a scoring request; while its scores are pending, poll and send it again.

        The service asks the model again for cells that are unscored. If that takes longer than it
        waits, every answer would be "pending": after some attempts, return the unscored score set.
        """
        fresh: set[str] = set()
        attempts = 0
        while True:
            response = await self._post_with_deadline(path, body)
            if response.status_code != 202:
                answer = kind.model_validate_json(response.content)
                score_set = answer.score_set if isinstance(answer, SelectOut) else answer
                unmark_cached(score_set.cells, fresh)
                return answer
            settled = await self._settled(response.headers["Location"], fresh)
            attempts += settled is not None and settled.status == "partial"
            if settled is not None and attempts == _MOST_ATTEMPTS:
                settled.cells = asked_for(settled.cells, body)
                unmark_cached(settled.cells, fresh)
                return settled

    async def _post_with_deadline(self, path: str, body: Body) -> httpx.Response:
        deadline = self._deadline
        try:
            return await self._post(path, {**body, **deadline})
        except ServiceProblem as problem:
            if not deadline or problem.pointers != ["#/deadline_s"]:
                raise
        self._deadline = {}  # longer than this service allows: use the service's own
        return await self._post(path, body)

    async def _settled(self, place: str, fresh: set[str]) -> ScoreSetOut | None:
        """The score set once no cell is pending; None if the service has forgotten it.

        Adds the cells that were pending to `fresh`.
        """
        pause = _FIRST_POLL_S
        while True:
            try:
                response = await self._connection.send("GET", f"{place}?calibration=none")
            except ServiceProblem as problem:
                if problem.slug != "unknown-score-set":
                    raise
                return None
            score_set = ScoreSetOut.model_validate_json(response.content)
            fresh.update(c.definition_id for c in score_set.cells if c.status == "pending")
            if score_set.status != "pending":
                return score_set
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL_S)

    async def _post(self, path: str, body: Body) -> httpx.Response:
        return await self._connection.send("POST", path, orjson.dumps(body))


def _path(collection: str, name: str) -> str:
    return f"/v1/{collection}/{quote(name, safe='')}"
