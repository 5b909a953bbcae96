"""The judge of method `probe`: states of candidates that are not cached are read, and cached."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Sequence

import numpy as np

from app.domain.cells import Cell, CellResults, CellTimings, StateReading, Unscored, Usage
from app.domain.fingerprint import reading_digest, scorer_fingerprint
from app.domain.job import Job
from app.domain.scenario import STATES, Attribute, Choice
from app.errors import StoreUnavailable
from app.store.state_readings import StateReadings
from workers.engines.base import EngineInfo
from workers.errors import EngineRejected
from workers.judges.plaintext import Tokens
from workers.judges.states.base import StateReader, states_profile
from workers.retrieval.library import BankLibrary

_AT_ONCE = 64
"""Candidates whose states are kept together: what a long list has is not lost with its worker."""


class StatesJudge:
    """Reads the states of every candidate once, whatever list it is in."""

    embedder = "none"
    library: BankLibrary | None = None

    def __init__(self, reader: StateReader, kept: StateReadings) -> None:
        self._reader = reader
        self._kept = kept
        self._context_length = 0

    async def start(self) -> EngineInfo:
        """Load the model."""
        info = await self._reader.start()
        self._context_length = info.context_length
        return info

    async def close(self) -> None:
        """Release the model."""
        await self._reader.close()

    async def check(self) -> None:
        """Have the model read something short."""
        await self._reader.check()

    @property
    def progress(self) -> int:
        """Number of passes so far."""
        return self._reader.progress

    @property
    def profiles(self) -> dict[str, str]:
        """The method, with what is read."""
        return states_profile(self._reader.reads)

    async def score(self, job: Job) -> AsyncIterator[CellResults]:
        """Yield the cell of the job's states. Raises `EngineError` if the model fails."""
        others: dict[str, Attribute | Choice] = {**job.attributes, **job.choices}
        for field, asked in others.items():
            detail = "this judge only reads states; it neither scores attributes nor chooses"
            yield {field: Unscored(asked.name, "engine-error", detail)}
        for field in job.states:
            yield {field: await self._cell(job)}

    async def _cell(self, job: Job) -> Cell | Unscored:
        queue_ms = job.waited_ms
        started = time.perf_counter()
        question, candidates = job.scenario.question, job.scenario.candidates
        fingerprint = scorer_fingerprint(job.scorer)
        digests = [job.owner + reading_digest(question, one, fingerprint) for one in candidates]
        readings = dict(zip(digests, await self._kept.get(digests), strict=True))
        missing = {
            digest: candidate
            for digest, candidate in zip(digests, candidates, strict=True)
            if readings[digest] is None
        }
        texts = await self._reader.encode(question, list(missing.values()))
        if overflow := self._too_long(texts):
            return overflow
        usage = Usage()
        unread = list(zip(missing, texts, strict=True))
        for start in range(0, len(unread), _AT_ONCE):
            read = await self._read(unread[start : start + _AT_ONCE])
            if isinstance(read, Unscored):
                return read
            readings |= read[0]
            usage += read[1]
        return Cell(
            attribute=STATES,
            scores=(),
            kind="states",
            states=tuple(one for digest in digests if (one := readings[digest]) is not None),
            usage=usage,
            timings=CellTimings(queue=queue_ms, engine=(time.perf_counter() - started) * 1000),
            created_ms=int(time.time() * 1000),
        )

    async def _read(
        self, texts: Sequence[tuple[str, Tokens]]
    ) -> tuple[dict[str, StateReading], Usage] | Unscored:
        """Read and keep the states of some texts, given with their digests."""
        try:
            outputs = await self._reader.read([text for _, text in texts])
        except EngineRejected as error:
            return Unscored(STATES, "engine-error", str(error))
        # Half precision can overflow. What is not a number must not reach the cache.
        if not all(np.isfinite(one.states).all() for one in outputs):
            return Unscored(STATES, "engine-error", "a state of the judge is not a finite number")
        kept = {
            digest: StateReading.of(one.states)
            for (digest, _), one in zip(texts, outputs, strict=True)
        }
        # Redis may be away for a while: the cell has these states too, and waits until it is back.
        with contextlib.suppress(StoreUnavailable):
            await self._kept.put(kept)
        usages = [Usage(one.prompt_tokens, one.cached_prompt_tokens) for one in outputs]
        return kept, sum(usages, Usage())

    def _too_long(self, texts: Sequence[Tokens]) -> Unscored | None:
        longest = max((len(text.ids) for text in texts), default=0)
        if longest <= self._context_length:
            return None
        return Unscored(
            attribute=STATES,
            reason="context-overflow",
            detail=(
                f"question and candidate take {longest} tokens or more, "
                f"but the model's context is {self._context_length} tokens"
            ),
            prompt_tokens=longest,
            context_length=self._context_length,
        )
