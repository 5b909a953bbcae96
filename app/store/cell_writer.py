"""The score cache, write side: cells are saved and published in one step."""

from __future__ import annotations

import msgspec
from redis.asyncio import Redis

from app.domain.cells import Cell, CellResults, finite
from app.domain.scorer import Scorer
from app.store.notices import CellNotice
from app.store.redis import NOTICES, inflight_key, score_set_key, translated
from app.store.scripts import script


class CellWriter:
    """Settles cells, for `JobQueue`."""

    def __init__(self, redis: Redis, *, cache_ttl_s: int) -> None:
        self._cache_ttl_s = cache_ttl_s
        self._settle = script(redis, "settle_cells")

    async def settle(
        self, job_id: str, score_set: str, results: CellResults, *, scorer: Scorer | None = None
    ) -> None:
        """Save cells, or why they have no scores, and publish a notice for each. Atomic.

        A cell with a number that is not finite is saved as unscored.
        """
        cells: list[str | bytes] = []
        for field, given in results.items():
            result = finite(given)
            kind = "cell" if isinstance(result, Cell) else "fail"
            notice = CellNotice(score_set=score_set, field=field)
            cells += [kind, field, msgspec.json.encode(result), msgspec.json.encode(notice)]
        stored_scorer = msgspec.json.encode(scorer) if scorer else b""
        with translated():
            await self._settle(
                keys=[score_set_key(score_set), inflight_key(score_set)],
                args=[job_id, stored_scorer, self._cache_ttl_s, NOTICES, *cells],
            )
