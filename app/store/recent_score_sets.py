"""Score sets read a moment ago, kept in this process so that new targets need no round trip."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence

from msgspec.structs import replace

from app.domain.cells import Cell
from app.domain.features import VERSION
from app.store.score_sets import ScoreCache, StoredScoreSet

_Key = tuple[str, str | None]


class RecentScoreSets:
    """Reads score sets through a bounded memory of the latest.

    A scored cell never changes: its key holds everything that could change it. So an entry is good
    as long as it has the attributes asked for; a notice that a cell was settled drops it, and so
    does its age, because the original may have expired.
    """

    def __init__(self, cache: ScoreCache, *, size: int = 20_000, max_age_s: float = 60.0) -> None:
        self._cache = cache
        self._size = size
        self._max_age_s = max_age_s
        self._entries: OrderedDict[_Key, tuple[float, StoredScoreSet]] = OrderedDict()
        self._views: dict[str, set[_Key]] = {}
        self._reads: list[set[str]] = []
        """For each read that is under way the score sets that were to be forgotten meanwhile."""

    async def get(
        self, wanted: Sequence[_Key], attributes: Sequence[str], *, texts: bool = False
    ) -> list[StoredScoreSet | None]:
        """Score sets for (score set, view) pairs; None where absent.

        Cells carry numbers alone, unless `texts` are wanted, which are read anew.
        """
        if texts:
            return await self._cache.score_sets(wanted)
        now = time.monotonic()
        found: dict[_Key, StoredScoreSet] = {
            key: entry for key in wanted if (entry := self._fresh(key, attributes, now))
        }
        missing = [key for key in dict.fromkeys(wanted) if key not in found]
        if missing:
            outdated: set[str] = set()
            self._reads.append(outdated)
            try:
                read = await self._cache.score_sets(missing)
            finally:
                self._reads = [one for one in self._reads if one is not outdated]
            for key, stored in zip(missing, read, strict=True):
                if stored is not None:
                    found[key] = _numbers_alone(stored)
                    if key[0] not in outdated:
                        self._keep(key, found[key], now)
        return [found.get(key) for key in wanted]

    def forget(self, score_set: str) -> None:
        """Drop every view of a score set: one of its cells was settled."""
        for key in self._views.pop(score_set, ()):
            self._entries.pop(key, None)
        for outdated in self._reads:
            outdated.add(score_set)

    def _fresh(self, key: _Key, attributes: Sequence[str], now: float) -> StoredScoreSet | None:
        entry = self._entries.get(key)
        if entry is None or now - entry[0] > self._max_age_s:
            return None
        stored = entry[1]
        if stored.surface is None or stored.surface.version != VERSION:
            return None  # they come when its scores are asked for again, of which no notice tells
        if not all(stored.named(name) for name in attributes):
            return None  # it may have been scored since, or have a reason why not
        return stored

    def _keep(self, key: _Key, stored: StoredScoreSet, now: float) -> None:
        self._entries[key] = (now, stored)
        self._entries.move_to_end(key)
        self._views.setdefault(key[0], set()).add(key)
        while len(self._entries) > self._size:
            oldest, _ = self._entries.popitem(last=False)
            views = self._views[oldest[0]]
            views.discard(oldest)
            if not views:
                del self._views[oldest[0]]


def _numbers_alone(stored: StoredScoreSet) -> StoredScoreSet:
    """Without reasonings and examples, which are long."""
    return replace(stored, cells={field: _bare(cell) for field, cell in stored.cells.items()})


def _bare(cell: Cell) -> Cell:
    scores = tuple(
        replace(s, reasoning=None, values=s.values if len(s.values) > 1 else ())
        for s in cell.scores
    )
    return Cell(cell.attribute, scores, cell.kind, created_ms=cell.created_ms)
