"""Score sets read recently, cached in this process so that new targets need no round trip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from cachetools import LRUCache, TTLCache
from msgspec.structs import replace

from app.domain.cells import Cell
from app.domain.features import VERSION
from app.domain.score_set import ScoreSet
from app.store.committees import Key, read_members
from app.store.score_sets import ScoreCache

_Views = TTLCache[str | None, ScoreSet]
_VIEWS = 100
"""Views cached of one score set."""


class RecentScoreSets:
    """Reads score sets through a bounded cache.

    A scored cell never changes: its key holds everything that could change it. So an entry is valid
    as long as it has the requested attributes. A notice that a cell was settled drops it, and so
    does its age, because the original may have expired.
    """

    def __init__(self, cache: ScoreCache, *, size: int = 20_000, max_age_s: float = 60.0) -> None:
        self._cache = cache
        self._max_age_s = max_age_s
        self._entries: LRUCache[str, _Views] = LRUCache(size)
        """Score set -> view -> score set as that view shows it."""
        self._reads: list[set[str]] = []
        """For each read in progress, the score sets that changed meanwhile."""

    async def get(
        self, wanted: Sequence[Key], attributes: Sequence[str], *, texts: bool = False
    ) -> list[ScoreSet | None]:
        """Score sets for (score set, view) pairs; None where absent.

        Cells carry numbers only, unless `texts` are wanted: then all are read from Redis.
        """
        if texts:
            return await self._cache.score_sets(wanted)
        return await read_members(wanted, partial(self._members, attributes))

    async def _members(
        self, attributes: Sequence[str], wanted: Sequence[Key]
    ) -> list[ScoreSet | None]:
        """The same for score sets of single judges, without texts."""
        cached = {key: entry for key in wanted if (entry := self._cached(key, attributes))}
        missing = [key for key in dict.fromkeys(wanted) if key not in cached]
        if missing:
            cached |= await self._read(missing)
        return [cached.get(key) for key in wanted]

    def forget(self, score_set: str) -> None:
        """Drop every view of a score set: one of its cells was settled."""
        self._entries.pop(score_set, None)
        for changed in self._reads:
            changed.add(score_set)

    async def _read(self, keys: Sequence[Key]) -> dict[Key, ScoreSet]:
        changed: set[str] = set()
        self._reads.append(changed)
        try:
            read = await self._cache.score_sets(keys)
        finally:
            self._reads = [one for one in self._reads if one is not changed]
        present: dict[Key, ScoreSet] = {}
        for key, stored in zip(keys, read, strict=True):
            if stored is not None:
                present[key] = _without_texts(stored)
                if key[0] not in changed:
                    self._keep(key, present[key])
        return present

    def _cached(self, key: Key, attributes: Sequence[str]) -> ScoreSet | None:
        score_set, view = key
        views = self._entries.get(score_set)
        stored = views.get(view) if views is not None else None
        if stored is None:
            return None
        if stored.surface is None or stored.surface.version != VERSION:
            return None  # the next request for its scores adds them, without a notice
        if stored.states is not None:
            return stored  # a calibration makes scores on any attribute from them
        if not all(_is_scored(stored, name) for name in attributes):
            return None  # it may have been scored since, or have a reason why not
        return stored

    def _keep(self, key: Key, stored: ScoreSet) -> None:
        score_set, view = key
        views = self._entries.get(score_set)
        if views is None:
            views = self._entries[score_set] = TTLCache(_VIEWS, self._max_age_s)
        views[view] = stored


def _without_texts(stored: ScoreSet) -> ScoreSet:
    """Without reasonings and examples, which are long."""
    return replace(
        stored,
        cells={
            field: _numbers(cell) if isinstance(cell, Cell) else cell
            for field, cell in stored.cells.items()
        },
    )


def _is_scored(stored: ScoreSet, attribute: str) -> bool:
    return any(isinstance(cell, Cell) for cell in stored.named(attribute).values())


def _numbers(cell: Cell) -> Cell:
    scores = tuple(
        replace(s, reasoning=None, values=s.values if len(s.values) > 1 else ())
        for s in cell.scores
    )
    return Cell(cell.attribute, scores, cell.kind, cell.states, created_ms=cell.created_ms)
