"""A language model as a judge: an engine, its methods, and the banks of examples."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from app.domain.cells import CellResults
from app.domain.job import Job
from app.domain.methods import WRITE
from app.domain.writing import Piece
from app.settings import RetrievalSettings
from app.store.banks import BankStore
from workers.engines.base import Engine, EngineInfo
from workers.judges.language.asking import Asker, CountingEngine, ReadingAsker, WritingAsker
from workers.judges.language.examples import TextExamples
from workers.judges.language.scoring import ScenarioScorer
from workers.judges.language.writing import TextWriter
from workers.methods.base import ReadingMethod
from workers.methods.registry import reading_methods, writing_methods
from workers.methods.responses.method import Responses
from workers.retrieval.embedding import create_embedder
from workers.retrieval.library import BankLibrary
from workers.retrieval.saved import IndexFolder

_log = logging.getLogger(__name__)


class LanguageModel:
    """Serves every method that prompts a language model."""

    def __init__(self, engine: Engine, retrieval: RetrievalSettings, banks: BankStore) -> None:
        self._engine = engine
        self._counting = CountingEngine(engine)
        self._retrieval = retrieval
        self._banks = banks
        self._writing = writing_methods()
        self._reading: dict[str, ReadingMethod[Any]] = {}
        self._scorer: ScenarioScorer | None = None
        self._writer: TextWriter | None = None
        self.library: BankLibrary | None = None
        self.embedder = "none"

    @property
    def profiles(self) -> dict[str, str]:
        """Profile name -> version of its prompts; with digit reading only after `start`."""
        writing = {name: method.profile for name, method in self._writing.items()}
        reading = {name: method.profile for name, method in self._reading.items()}
        return writing | reading | {WRITE: Responses().profile}

    async def start(self) -> EngineInfo:
        """Load the embedding model, then the language model."""
        embedder = await asyncio.to_thread(create_embedder, self._retrieval.embedder)
        self.embedder = embedder.name
        folder = IndexFolder(Path(self._retrieval.index_dir))
        self.library = BankLibrary(self._banks, embedder, folder)
        info = await self._engine.start()
        for name, method in reading_methods().items():
            if (why := self._engine.check_tokens(method.tokens)) is None:
                self._reading[name] = method
            else:
                _log.warning("this model cannot serve %s: %s", name, why)
        self._scorer = ScenarioScorer(
            self._askers(info.context_length),
            self._engine.encode,
            info.context_length,
            self.library,
        )
        self._writer = TextWriter(
            self._counting, self._engine.encode, info.context_length, TextExamples(self.library)
        )
        return info

    def _askers(self, context_length: int) -> dict[str, Asker[Any]]:
        askers: dict[str, Asker[Any]] = {
            name: WritingAsker(method, self._counting, context_length)
            for name, method in self._writing.items()
        }
        for name, method in self._reading.items():
            askers[name] = ReadingAsker(method, self._counting)
        return askers

    @property
    def progress(self) -> int:
        """Answers that the engine has given so far, and its steps where it counts them."""
        return self._counting.finished + self._engine.steps

    async def close(self) -> None:
        """Release the language model."""
        await self._engine.close()

    async def check(self) -> None:
        """Have the model write one token."""
        await self._engine.check()

    def score(self, job: Job) -> AsyncIterator[CellResults | Piece]:
        """Yield the cells of a job as they are done."""
        assert self._scorer is not None, "start() comes first"
        assert self._writer is not None
        return self._writer.write(job) if job.texts else self._scorer.score(job)
