"""A score set: the cells of one scenario under one scorer, at one moment."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from app.domain.cells import Cell, CellState, CellTimings, Pending, Unscored, Usage
from app.domain.features import SurfaceFeatures
from app.domain.scenario import Presentation
from app.domain.scorer import Scorer

ID_SEPARATOR = "."
"""Between the two halves of a score set id: the scores, and the caller's listing of candidates."""


class ScoreSet(Struct, frozen=True):
    """What is known of one scenario's scores: cached, scored for a request, or still in flight."""

    digest: str
    """Hash of scenario and scorer: the cache key."""
    scorer: Scorer
    fingerprint: str
    """Hash of the scorer."""
    surface: SurfaceFeatures | None = None
    """Surface features of the candidates; None where none were stored."""
    presentation: Presentation | None = None
    """How the caller listed the candidates; None where only the scores were asked for."""
    view: str | None = None
    """Hash of the presentation."""
    cells: Mapping[str, CellState] = {}
    """Cell field -> the cell's state, in the order in which they were asked for."""
    cached: frozenset[str] = frozenset()
    """Fields that were in the cache when the request came."""

    @property
    def id(self) -> str:
        """The caller's id: names the scores and, with a view, the order of candidates."""
        return self.digest if self.view is None else f"{self.digest}{ID_SEPARATOR}{self.view}"

    @property
    def scored(self) -> dict[str, Cell]:
        """Scored cells by field, choices included."""
        return {field: cell for field, cell in self.cells.items() if isinstance(cell, Cell)}

    @property
    def scores(self) -> dict[str, Cell]:
        """Scored cells by field, without choices."""
        return {field: cell for field, cell in self.scored.items() if cell.kind == "score"}

    @property
    def choice(self) -> Cell | None:
        """The choice of a method that prefers candidates outright; None where there is none."""
        return next((cell for cell in self.scored.values() if cell.kind == "choice"), None)

    @property
    def unscored(self) -> dict[str, Unscored]:
        """Cells without scores by field, with their reason."""
        return {field: cell for field, cell in self.cells.items() if isinstance(cell, Unscored)}

    @property
    def pending(self) -> dict[str, Pending]:
        """Cells in flight by field."""
        return {field: cell for field, cell in self.cells.items() if isinstance(cell, Pending)}

    @property
    def fresh(self) -> list[Cell]:
        """Cells that were scored while the request waited."""
        return [cell for field, cell in self.scored.items() if field not in self.cached]

    @property
    def usage(self) -> Usage:
        """Tokens of the fresh cells."""
        return sum((cell.usage for cell in self.fresh), Usage())

    @property
    def timings(self) -> CellTimings:
        """Of the fresh cells the longest, milliseconds; they are scored at the same time."""
        fresh = [cell.timings for cell in self.fresh]
        return CellTimings(
            queue=max((t.queue for t in fresh), default=0.0),
            retrieval=max((t.retrieval for t in fresh), default=0.0),
            engine=max((t.engine for t in fresh), default=0.0),
        )

    def named(self, attribute: str) -> dict[str, CellState]:
        """The cells of an attribute by field, found by its field (`name@digest`) or its name.

        A field wins over a name: names may hold `@`, and each cell must be addressable. Choices are
        left out: they have no score that a target could be compared with.
        """
        if attribute in self.cells:
            cell = self.cells[attribute]
            return {} if isinstance(cell, Cell) and cell.kind == "choice" else {attribute: cell}
        return {
            field: cell
            for field, cell in self.cells.items()
            if cell.attribute == attribute and not (isinstance(cell, Cell) and cell.kind != "score")
        }


def split_score_set_id(score_set_id: str) -> tuple[str, str | None]:
    """Digest and view of a score set id; the view is None when only the scores are named."""
    digest, _, view = score_set_id.partition(ID_SEPARATOR)
    return digest, view or None
