"""The score cache, read side: score sets as Redis has them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from redis.asyncio import Redis

from app.domain.cells import Cell, CellState, Pending, Unscored
from app.domain.features import SurfaceFeatures
from app.domain.fingerprint import scorer_fingerprint
from app.domain.methods import METHODS
from app.domain.scenario import Presentation
from app.domain.score_set import ScoreSet
from app.domain.scorer import Scorer
from app.store.committees import Key, read_members
from app.store.redis import inflight_key, score_set_key, translated, view_key

_cell = msgspec.json.Decoder(Cell)
_unscored = msgspec.json.Decoder(Unscored)
_presentation = msgspec.json.Decoder(Presentation)
_scorer = msgspec.json.Decoder(Scorer)
_surface = msgspec.json.Decoder(SurfaceFeatures)


LOST = "the work on it was lost: ask for the scores again"


class ScoreCache:
    """Reads cells. `CellWriter` writes them, together with their notices."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def cells(self, score_set: str, fields: Sequence[str]) -> dict[str, Cell | Unscored]:
        """Those of `fields` that are settled: scored, or unscored with their reason."""
        names = [f"cell:{f}" for f in fields] + [f"fail:{f}" for f in fields]
        with translated():
            values = await self._redis.hmget(score_set_key(score_set), names)
        settled: dict[str, Cell | Unscored] = {}
        for field, cell, failure in zip(
            fields, values[: len(fields)], values[len(fields) :], strict=True
        ):
            if cell:
                settled[field] = _cell.decode(cell)
            elif failure:
                settled[field] = _unscored.decode(failure)
        return settled

    async def score_sets(self, wanted: Sequence[Key]) -> list[ScoreSet | None]:
        """Whole score sets for (score set, view) pairs, in one round trip; None where absent.

        They may be of committees.
        """
        return await read_members(wanted, self._read)

    async def _read(self, wanted: Sequence[Key]) -> list[ScoreSet | None]:
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            for score_set, view in wanted:
                pipe.hgetall(score_set_key(score_set))
                pipe.hkeys(inflight_key(score_set))
                pipe.get(view_key(score_set, view or ""))
            answers = await pipe.execute()
        return [
            _assemble(digest, view, *answers[3 * i : 3 * i + 3])
            for i, (digest, view) in enumerate(wanted)
        ]


def _assemble(
    digest: str,
    view: str | None,
    stored: dict[bytes, bytes],
    inflight: Sequence[bytes],
    presentation: bytes | None,
) -> ScoreSet | None:
    if b"scorer" not in stored or (view and presentation is None):
        return None
    parts: dict[str, dict[str, bytes]] = {"cell": {}, "fail": {}, "asked": {}}
    for key, value in stored.items():
        kind, _, field = key.decode().partition(":")
        if kind in parts:
            parts[kind][field] = value
    in_flight = {field.decode() for field in inflight}
    cells: dict[str, CellState] = {f: _cell.decode(v) for f, v in parts["cell"].items()}
    failed = {f: _unscored.decode(v) for f, v in parts["fail"].items() if f not in cells}
    for field, name in parts["asked"].items():
        if field in cells:
            continue
        if field in in_flight:
            cells[field] = Pending(name.decode())
        elif field not in failed:
            cells[field] = Unscored(name.decode(), "lost", LOST)
    for field, unscored in failed.items():
        cells.setdefault(field, unscored)
    scorer = _scorer.decode(stored[b"scorer"])
    if scorer.settings.method not in METHODS:
        return None  # written texts have no scores
    surface = stored.get(b"surface")
    return ScoreSet(
        digest=digest,
        scorer=scorer,
        fingerprint=scorer_fingerprint(scorer),
        surface=_surface.decode(surface) if surface else None,
        presentation=_presentation.decode(presentation) if presentation else None,
        view=view,
        cells=cells,
        cached=frozenset(parts["cell"]),
    )
