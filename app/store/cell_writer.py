"""The score cache, write side: cells are saved and published in one step."""

from __future__ import annotations

import msgspec
from redis.asyncio import Redis

from app.domain.cells import Cell, CellResults, finite, stored
from app.domain.scorer import Scorer
from app.store.key_usage import WINDOW_S
from app.store.notices import CellNotice
from app.store.redis import (
    NOTICES,
    inflight_key,
    key_tokens_key,
    score_set_key,
    translated,
)
from app.store.scripts import script


class CellWriter:
    """Settles cells, for `JobQueue`."""

    def __init__(self, redis: Redis, *, cache_ttl_s: int) -> None:
        self._cache_ttl_s = cache_ttl_s
        self._settle = script(redis, "settle_cells")

    async def settle(
        self,
        job_id: str,
        score_set: str,
        results: CellResults,
        *,
        scorer: Scorer | None = None,
        payer: str = "",
    ) -> None:
        """Save cells, or why they have no scores, and publish a notice for each. Atomic.

        A cell with a number that is not finite is saved as unscored. The tokens of scored cells are
        counted for the API key `payer`, if there is one.
        """
        cells: list[str | bytes] = []
        for field, given in results.items():
            result = finite(given)
            kind = "cell" if isinstance(result, Cell) else "fail"
            notice = CellNotice(score_set=score_set, field=field)
            cells += [kind, field, msgspec.json.encode(stored(result)), msgspec.json.encode(notice)]
        stored_scorer = msgspec.json.encode(scorer) if scorer else b""
        keys = [score_set_key(score_set), inflight_key(score_set)]
        if payer:
            keys.append(key_tokens_key(payer))
        window_ms = WINDOW_S * 1000
        with translated():
            await self._settle(
                keys=keys,
                args=[
                    job_id,
                    stored_scorer,
                    self._cache_ttl_s,
                    NOTICES,
                    _tokens(results),
                    window_ms,
                    *cells,
                ],
            )


def _tokens(results: CellResults) -> int:
    """Tokens that the judge read and wrote for scored cells."""
    usages = [cell.usage for cell in results.values() if isinstance(cell, Cell)]
    return sum(usage.prompt_tokens + usage.output_tokens for usage in usages)
