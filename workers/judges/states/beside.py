"""A judge that writes and one that reads states, in one worker."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.domain.cells import CellResults
from app.domain.job import Job
from app.domain.writing import Piece
from workers.engines.base import EngineInfo
from workers.judges.base import Judge
from workers.judges.states.judge import StatesJudge
from workers.retrieval.library import BankLibrary


class WritesAndReads:
    """Serves the methods of both; they run one model."""

    def __init__(self, writes: Judge, reads: StatesJudge) -> None:
        self._writes = writes
        self._reads = reads

    async def start(self) -> EngineInfo:
        """Start both."""
        await self._reads.start()
        return await self._writes.start()

    async def close(self) -> None:
        """Close both."""
        await self._reads.close()
        await self._writes.close()

    async def check(self) -> None:
        """Check the model."""
        await self._writes.check()

    @property
    def progress(self) -> int:
        """Number of answers and passes so far."""
        return self._writes.progress + self._reads.progress

    @property
    def profiles(self) -> dict[str, str]:
        """The methods of both."""
        return self._writes.profiles | self._reads.profiles

    @property
    def embedder(self) -> str:
        """The one of the judge that writes."""
        return self._writes.embedder

    @property
    def library(self) -> BankLibrary | None:
        """The one of the judge that writes."""
        return self._writes.library

    async def score(self, job: Job) -> AsyncIterator[CellResults | Piece]:
        """Yield the cells of a job, which is for one of both."""
        async for results in (self._reads if job.states else self._writes).score(job):
            yield results
