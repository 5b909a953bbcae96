"""What a worker needs of whatever decides: to start, to be checked, to see a job through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from app.domain.cells import CellResults
from app.domain.job import Job
from workers.banks import BankLibrary
from workers.engines.base import EngineInfo


class Runner(Protocol):
    """Runs a model. Every error that leaves it is an `EngineError`."""

    async def start(self) -> EngineInfo:
        """Load the model. Returns when it can answer."""

    async def close(self) -> None:
        """Let the model go."""

    @property
    def finished(self) -> int:
        """Answers that the model has given so far: what hangs gives no more."""

    async def check(self) -> None:
        """Have the model do the least that it can; raises when it cannot."""


class JobScorer(Protocol):
    """Turns a job into its cells."""

    def score(self, job: Job) -> AsyncIterator[CellResults]:
        """Every cell of a job as it is done, those of one answer together."""


class Judge(Runner, JobScorer, Protocol):
    """Whatever a worker runs to see jobs through, and what it announces of it after `start()`."""

    @property
    def profiles(self) -> dict[str, str]:
        """The methods that it serves -> version of what the model is shown."""

    @property
    def embedder(self) -> str:
        """Name of the embedding model that examples are found with; `none` without examples."""

    @property
    def library(self) -> BankLibrary | None:
        """The banks that examples come from; None without examples."""
