"""A language model as a judge: an engine, and the examples that its prompts show."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from app.domain.cells import CellResults
from app.domain.job import Job
from app.settings import RetrievalSettings
from app.store.banks import BankStore
from workers.banks import BankLibrary
from workers.embedding import create_embedder
from workers.engines.base import Engine, EngineInfo
from workers.methods.labels import LABELS
from workers.methods.registry import joint_scorings, label_readings, scoring_methods
from workers.scoring import ScenarioScorer

_log = logging.getLogger(__name__)


class LanguageModel:
    """Serves every method that speaks prompts."""

    def __init__(self, engine: Engine, retrieval: RetrievalSettings, banks: BankStore) -> None:
        self._engine = engine
        self._retrieval = retrieval
        self._banks = banks
        self._methods = scoring_methods() | joint_scorings()
        self._scorer: ScenarioScorer | None = None
        self.library: BankLibrary | None = None
        self.embedder = "none"

    @property
    def profiles(self) -> dict[str, str]:
        """Method (or its way of reading labels or of asking for several attributes at once) ->
        version of its prompts; whole after `start`."""
        return {name: method.profile for name, method in self._methods.items()}

    async def start(self) -> EngineInfo:
        """Load the embedding model, then the language model."""
        embedder = await asyncio.to_thread(create_embedder, self._retrieval.embedder)
        self.embedder = embedder.name
        self.library = BankLibrary(self._banks, embedder)
        info = await self._engine.start()
        if (why := self._engine.check_labels(LABELS)) is None:
            self._methods |= label_readings()
        else:
            _log.warning("no labels can be read from this model: %s", why)
        self._scorer = ScenarioScorer(self._engine, info, self._methods, self.library)
        return info

    @property
    def finished(self) -> int:
        """Answers that the engine has given so far."""
        return self._scorer.finished if self._scorer is not None else 0

    async def close(self) -> None:
        """Let the language model go."""
        await self._engine.close()

    async def check(self) -> None:
        """Have the model write one token."""
        await self._engine.check()

    def score(self, job: Job) -> AsyncIterator[CellResults]:
        """Every cell of a job as it is done."""
        assert self._scorer is not None, "start() comes first"
        return self._scorer.score(job)
