"""Banks as a worker uses them: loaded once, embedded once for all workers, indexed."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from app.domain.bank import Bank
from app.domain.scenario import Attribute, Choice, Scenario
from app.errors import StoreUnavailable, UnknownBank
from app.store.banks import BankStore
from workers.embedding import Embedder, Vectors
from workers.examples import (
    ChosenExamples,
    LevelMap,
    Neighbour,
    Neighbours,
    Without,
    choose_choices,
    choose_examples,
    joint_level_map,
    level_map,
)
from workers.methods.base import Joint
from workers.retrieval import ExampleIndex, QueryNeighbours

_log = logging.getLogger(__name__)
_LevelKey = tuple[str, tuple[float, ...]]
"""An attribute's name and the levels that it declares: what its label levels depend on."""
_MAX_BANKS = 32  # versions kept in memory; the least lately used goes first
_MAX_LEVEL_MAPS = 256  # of each bank, likewise


class IndexedBank:
    """A bank with its example index and, as they are asked for, its label levels."""

    def __init__(self, bank: Bank, index: ExampleIndex) -> None:
        self.bank = bank
        self._index = index
        # Callers may think up attributes and levels without end.
        self._level_map = lru_cache(_MAX_LEVEL_MAPS)(partial(level_map, bank.scenarios))
        self._joint_level_map = lru_cache(_MAX_LEVEL_MAPS)(self._find_joint_levels)
        self._asking: dict[str, list[int]] = {}
        for row, scenario in enumerate(bank.scenarios):
            self._asking.setdefault(scenario.question, []).append(row)

    def examples(
        self, query: Vectors, scenario: Scenario, subject: Attribute | Joint | Choice, count: int
    ) -> ChosenExamples[Any]:
        """Examples for one attribute of a scenario or several, or for a choice of its candidates.

        `query` is the vector of its question. A scenario of the bank that shows one of the very
        candidates for the same question is left out: its label would be the answer.
        """
        neighbours: Neighbours = QueryNeighbours(self._index, query)
        known = [
            row
            for row in self._asking.get(scenario.question, ())
            if set(self.bank.scenarios[row].responses) & set(scenario.candidates)
        ]
        if known:
            neighbours = Without(neighbours, known)
        if isinstance(subject, Choice):
            return choose_choices(neighbours, self.bank.scenarios, subject, count)
        if isinstance(subject, tuple):
            return choose_examples(neighbours, self.joint_levels(subject), count)
        return choose_examples(neighbours, self.levels(subject), count)

    def left_out(self, subject: Attribute | Choice, kept: Sequence[Neighbour]) -> tuple[float, ...]:
        """Label levels of an attribute that none of the examples shows."""
        return () if isinstance(subject, Choice) else self.levels(subject).left_out(kept)

    def levels(self, attribute: Attribute) -> LevelMap[float]:
        """Where the bank shows each level of an attribute."""
        return self._level_map(attribute.name, attribute.levels)

    def joint_levels(self, attributes: Collection[Attribute]) -> LevelMap[tuple[str, float]]:
        """Where the bank shows each level of attributes that are asked for together."""
        # Those that it does not label change nothing; with them there is no end to combinations.
        labelled = [a for a in attributes if self.levels(a).levels_of]
        return self._joint_level_map(frozenset((a.name, a.levels) for a in labelled))

    def _find_joint_levels(self, keys: frozenset[_LevelKey]) -> LevelMap[tuple[str, float]]:
        maps = {name: self._level_map(name, levels) for name, levels in keys}
        return joint_level_map(self.bank.scenarios, maps)


class BankLibrary:
    """The banks of one worker."""

    def __init__(self, store: BankStore, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._banks: OrderedDict[str, IndexedBank] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    @property
    def ready(self) -> list[str]:
        """Digests of the banks whose index is ready."""
        return list(self._banks)

    async def get(self, digest: str) -> IndexedBank:
        """The bank at one version, built if need be. Raises `UnknownBank`."""
        async with self._locks.setdefault(digest, asyncio.Lock()):
            if digest not in self._banks:
                self._banks[digest] = await self._build(digest)
            self._banks.move_to_end(digest)
            while len(self._banks) > _MAX_BANKS:
                self._banks.popitem(last=False)
            return self._banks[digest]

    async def embed(self, question: str) -> Vectors:
        """The vector of one question, (dimensions,)."""
        vectors = await asyncio.to_thread(self._embedder.encode, [question])
        query: Vectors = vectors[0]
        return query

    async def _build(self, digest: str) -> IndexedBank:
        bank = await self._store.load(digest)
        if bank is None:
            raise UnknownBank(f"no bank has the digest {digest}")
        stored = await self._store.vectors(digest, self._embedder.name)
        if stored is not None:
            vectors = np.frombuffer(stored, dtype=np.float32).reshape(len(bank.scenarios), -1)
        else:
            questions = [scenario.question for scenario in bank.scenarios]
            vectors = await asyncio.to_thread(self._embedder.encode, questions)
            await self._share(digest, vectors)
        index = await asyncio.to_thread(ExampleIndex, vectors)
        _log.info("bank indexed", extra={"bank": digest, "scenarios": len(bank.scenarios)})
        return IndexedBank(bank, index)

    async def _share(self, digest: str, vectors: Vectors) -> None:
        """Spare the other workers the embedding, where Redis has room: it is not needed here."""
        rows = np.ascontiguousarray(vectors).data.cast("B")
        try:
            await self._store.put_vectors(digest, self._embedder.name, rows)
        except StoreUnavailable as error:
            _log.warning("embeddings are not shared: %s", error.detail, extra={"bank": digest})
