"""The interface between a worker and its judge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from app.domain.cells import CellResults
from app.domain.job import Job
from app.domain.writing import Piece
from workers.engines.base import EngineInfo
from workers.retrieval.library import BankLibrary


class Checked(Protocol):
    """A model whose health can be checked."""

    @property
    def progress(self) -> int:
        """Answers and steps of the model so far; it stands still when the model hangs."""

    async def check(self) -> None:
        """Have the model do the smallest possible piece of work. Raise if it cannot."""


class JobScorer(Protocol):
    """Turns jobs into cells."""

    def score(self, job: Job) -> AsyncIterator[CellResults | Piece]:
        """Yield the cells of a job as they are done, those of one answer together.

        Parts of texts come as they are written, if the job streams.
        """


class Judge(Checked, JobScorer, Protocol):
    """Runs the model that scores. Every error it raises is a `workers.errors.EngineError`."""

    async def start(self) -> EngineInfo:
        """Load the model. Return when it can answer."""

    async def close(self) -> None:
        """Release the model."""

    @property
    def profiles(self) -> dict[str, str]:
        """Methods it serves -> version of their prompts; complete after `start()`."""

    @property
    def embedder(self) -> str:
        """Name of the embedding model that retrieval uses; `none` without examples."""

    @property
    def library(self) -> BankLibrary | None:
        """The banks that examples come from; None without examples."""
