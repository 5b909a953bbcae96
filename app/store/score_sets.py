"""The score cache, read side: score sets as Redis has them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.domain.cells import Cell, Unscored
from app.domain.features import SurfaceFeatures
from app.domain.fingerprint import scorer_fingerprint
from app.domain.scenario import Presentation
from app.domain.scorer import Scorer
from app.store.redis import inflight_key, score_set_key, translated, view_key

_cell = msgspec.json.Decoder(Cell)
_unscored = msgspec.json.Decoder(Unscored)
_presentation = msgspec.json.Decoder(Presentation)
_scorer = msgspec.json.Decoder(Scorer)
_surface = msgspec.json.Decoder(SurfaceFeatures)


class StoredScoreSet(Struct, frozen=True):
    """A score set as the cache has it at one moment."""

    scorer: Scorer
    presentation: Presentation | None
    """How the caller of the requested view ordered the candidates; None without a view."""
    cells: dict[str, Cell]
    """Cell field -> cell."""
    unscored: dict[str, Unscored]
    """Cell field -> why the last attempt gave no scores."""
    pending: dict[str, str]
    """Cell field -> attribute name, for cells in flight."""
    lost: dict[str, str]
    """Cell field -> attribute name, for requested cells that are neither stored nor in flight."""
    fingerprint: str = ""
    """Of the scorer."""
    surface: SurfaceFeatures | None = None
    """Of the candidates; None in a score set of a version without them."""

    @property
    def scores(self) -> dict[str, Cell]:
        """Scored cells by field, without choices."""
        return {field: cell for field, cell in self.cells.items() if cell.kind == "score"}

    def named(self, attribute: str) -> dict[str, Cell]:
        """Scored cells of an attribute by field, found by its field (`name@digest`) or its name.

        A field wins over a name: names may hold `@`, and each cell must be addressable. Choices are
        left out: they have no score that a target could be compared with.
        """
        scores = self.scores
        if attribute in scores:
            return {attribute: scores[attribute]}
        return {f: cell for f, cell in scores.items() if cell.attribute == attribute}


class ScoreCache:
    """Reads cells. `CellWriter` writes them, together with their notices."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def cells(
        self, score_set: str, fields: Sequence[str]
    ) -> tuple[dict[str, Cell], dict[str, Unscored]]:
        """The scored and the unscored cells among `fields`."""
        names = [f"cell:{f}" for f in fields] + [f"fail:{f}" for f in fields]
        with translated():
            values = await self._redis.hmget(score_set_key(score_set), names)
        cells = {
            f: _cell.decode(v) for f, v in zip(fields, values[: len(fields)], strict=True) if v
        }
        unscored = {
            f: _unscored.decode(v)
            for f, v in zip(fields, values[len(fields) :], strict=True)
            if v and f not in cells
        }
        return cells, unscored

    async def score_sets(
        self, wanted: Sequence[tuple[str, str | None]]
    ) -> list[StoredScoreSet | None]:
        """Whole score sets for (score set, view) pairs, in one round trip; None where absent."""
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            for score_set, view in wanted:
                pipe.hgetall(score_set_key(score_set))
                pipe.hkeys(inflight_key(score_set))
                pipe.get(view_key(score_set, view or ""))
            answers = await pipe.execute()
        return [
            _assemble(*answers[3 * i : 3 * i + 3], view=view) for i, (_, view) in enumerate(wanted)
        ]


def _assemble(
    stored: dict[bytes, bytes],
    inflight: Sequence[bytes],
    presentation: bytes | None,
    *,
    view: str | None,
) -> StoredScoreSet | None:
    if b"scorer" not in stored or (view and presentation is None):
        return None
    parts: dict[str, dict[str, bytes]] = {"cell": {}, "fail": {}, "asked": {}}
    for key, value in stored.items():
        kind, _, field = key.decode().partition(":")
        if kind in parts:
            parts[kind][field] = value
    cells = {field: _cell.decode(value) for field, value in parts["cell"].items()}
    asked = {f: name.decode() for f, name in parts["asked"].items() if f not in cells}
    flying = {field.decode() for field in inflight}
    pending = {field: name for field, name in asked.items() if field in flying}
    unscored = {
        field: _unscored.decode(value)
        for field, value in parts["fail"].items()
        if field not in cells and field not in pending
    }
    scorer = _scorer.decode(stored[b"scorer"])
    surface = stored.get(b"surface")
    return StoredScoreSet(
        scorer=scorer,
        presentation=_presentation.decode(presentation) if presentation else None,
        cells=cells,
        unscored=unscored,
        pending=pending,
        lost={f: n for f, n in asked.items() if f not in pending and f not in unscored},
        fingerprint=scorer_fingerprint(scorer),
        surface=_surface.decode(surface) if surface else None,
    )
