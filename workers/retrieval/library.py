"""A worker's banks: loaded, indexed, and embedded once for all workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

import numpy as np
from cachetools import LRUCache

from app.domain.ratings.retrieval import VERSION, FittedGroup
from app.errors import StoreUnavailable, UnknownBank
from app.store.banks import BankStore
from workers.retrieval.embedding import Embedder, Vectors
from workers.retrieval.groups import GroupBank, RatedBank
from workers.retrieval.index import ExampleIndex
from workers.retrieval.making import IndexMaker
from workers.retrieval.saved import IndexFolder, IndexKey

_log = logging.getLogger(__name__)
_MAX_BANKS = 32  # versions in memory; the least recently used is dropped first
_MAX_GROUP_ROWS = 500_000  # scenarios of the banks in memory as groups have rated them
_SHARED_BYTES = 100_000_000
"""Embeddings up to this size are stored in Redis for workers on other hosts."""


class BankLibrary:
    """The banks of one worker."""

    def __init__(self, store: BankStore, embedder: Embedder, folder: IndexFolder) -> None:
        self._store = store
        self._embedder = embedder
        self._folder = folder
        self._maker = IndexMaker(embedder, folder)
        self._banks: LRUCache[str, RatedBank] = LRUCache(_MAX_BANKS)
        self._groups: LRUCache[tuple[str, str], GroupBank] = LRUCache(
            _MAX_GROUP_ROWS, lambda one: min(len(one.bank.scenarios), _MAX_GROUP_ROWS)
        )
        self._locks: dict[str, asyncio.Lock] = {}
        self.failed: dict[str, str] = {}
        """Digest of a bank that could not be indexed ahead of need -> why, until it can."""

    @property
    def ready(self) -> list[str]:
        """Return the digests of the banks whose index is ready."""
        return list(self._banks)

    async def get(self, digest: str) -> RatedBank:
        """Return one version of a bank; load and index it first if necessary.

        Raises `UnknownBank`.
        """
        async with self._locks.setdefault(digest, asyncio.Lock()):
            bank = self._banks.get(digest)
            if bank is None:
                bank = self._banks[digest] = await self._build(digest)
            return bank

    async def get_group(self, digest: str, group: str) -> GroupBank:
        """Return a bank as a group has rated it; fit the group's weights first if necessary.

        Raises `UnknownBank`, and `ValueError` if the bank has no such group.
        """
        bank = await self.get(digest)
        async with self._locks.setdefault(f"{digest}/{group}", asyncio.Lock()):
            rated = self._groups.get((digest, group))
            if rated is None:
                stored = await self._store.fitted_groups(digest, self._embedder.name)
                fitted = _usable(stored.get(group))
                rated = await asyncio.to_thread(lambda: bank.rated_by(group, fitted))
                self._groups[digest, group] = rated
            return rated

    async def fit_groups(self, digest: str) -> None:
        """Fit the weights of a bank's groups and store them, unless they are stored."""
        bank = await self.get(digest)
        groups = await asyncio.to_thread(lambda: bank.groups)
        if not groups:
            return
        stored = await self._store.fitted_groups(digest, self._embedder.name)
        if all(_usable(stored.get(group)) for group in groups):
            return
        fitted = {group: (await self.get_group(digest, group)).fitted for group in groups}
        await self._store.put_fitted_groups(digest, self._embedder.name, fitted)

    async def embed(self, question: str) -> Vectors:
        """Return the vector of one question, (dimensions,)."""
        vectors = await asyncio.to_thread(self._maker.encode, [question])
        query: Vectors = vectors[0]
        return query

    async def _build(self, digest: str) -> RatedBank:
        bank = await self._store.load(digest)
        if bank is None:
            raise UnknownBank(f"no bank has the digest {digest}")
        key = IndexKey(digest, self._embedder.name, len(bank.scenarios))
        index = await asyncio.to_thread(self._maker.saved, key)
        if index is None:
            shared = await self._shared(key)
            index = await asyncio.to_thread(self._maker.make, key, bank, shared)
            if shared is None:
                await self._share(key, index)
        indexed = await asyncio.to_thread(lambda: RatedBank(bank, index))
        _log.info("bank indexed", extra={"bank": digest, "scenarios": len(bank.scenarios)})
        return indexed

    async def _shared(self, key: IndexKey) -> Vectors | None:
        """Return the vectors that a worker has stored, if they are usable."""
        stored = await self._store.vectors(key.bank, key.embedder)
        size = key.scenarios * self._embedder.dimensions * 4
        if stored is None or len(stored) != size:
            return None
        vectors = np.frombuffer(stored, dtype=np.float32).reshape(key.scenarios, -1)
        return vectors if np.isfinite(vectors.sum()) else None

    async def _share(self, key: IndexKey, index: ExampleIndex) -> None:
        """Store vectors for workers on other hosts; errors are logged, for this one works."""
        if index.vectors.nbytes > _SHARED_BYTES:
            return
        rows = np.ascontiguousarray(index.vectors).data.cast("B")
        try:
            await self._store.put_vectors(key.bank, key.embedder, rows)
        except StoreUnavailable as error:
            _log.warning("embeddings not stored: %s", error.detail, extra={"bank": key.bank})

    def prune(self, current: Collection[str]) -> None:
        """Delete saved indexes that nobody used for a week and that are not of `current` banks."""
        if pruned := self._folder.prune(current):
            _log.info("deleted %d unused indexes", len(pruned), extra={"banks": pruned})


def _usable(fitted: FittedGroup | None) -> FittedGroup | None:
    """What was fitted, unless by another version."""
    return fitted if fitted is not None and fitted.version == VERSION else None
