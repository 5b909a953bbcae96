"""Score sets: the cells of one scenario under one scorer, or under those of a committee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from app.domain.cells import Cell, CellState, CellTimings, Pending, Unscored, Usage
from app.domain.features import SurfaceFeatures
from app.domain.methods import TRAITS
from app.domain.scenario import Presentation
from app.domain.scorer import Scorer

ID_SEPARATOR = "."
"""Separates the two parts of a score set id: the digest and the view."""
MEMBER_SEPARATOR = "-"
"""Separates the digests of a committee's members in the digest of their score set."""


class LeftOut(Struct, frozen=True):
    """A judge of a committee that gave no scores, and was left out as the request allows."""

    model: str
    method: str
    detail: str
    """Why."""


class ScoreSet(Struct, frozen=True):
    """The cells of one scenario under one scorer: cached, freshly scored, unscored or pending.

    That of a committee has the score sets of its members, and cells made of theirs
    (`app.domain.committee`).
    """

    digest: str
    """Hash of scenario and scorer. This is the cache key. Of a committee, those of its members."""
    scorer: Scorer
    """Of a committee, its first one."""
    fingerprint: str
    """Hash of the scorer, or of all of a committee."""
    surface: SurfaceFeatures | None = None
    """Surface features of the candidates; None if none were stored."""
    presentation: Presentation | None = None
    """The caller's ids and order of candidates; None if the id has no view."""
    view: str | None = None
    """Hash of the presentation."""
    cells: Mapping[str, CellState] = {}
    """Cell field -> state of the cell, in the order of the request."""
    cached: frozenset[str] = frozenset()
    """Fields that were in the cache when the request arrived."""
    members: tuple[ScoreSet, ...] = ()
    """Of a committee: one for each of its scorers, sorted by fingerprint."""
    left_out: tuple[LeftOut, ...] = ()
    """Judges that should have scored as well."""

    @property
    def id(self) -> str:
        """The id that clients use: the digest and, if there is a view, the view."""
        return self.digest if self.view is None else f"{self.digest}{ID_SEPARATOR}{self.view}"

    @property
    def each(self) -> tuple[ScoreSet, ...]:
        """The score sets of a committee's members; of a single judge, this one."""
        return self.members or (self,)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of all scorers, sorted."""
        return tuple(member.fingerprint for member in self.each)

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
        """The choice, for methods that choose without scoring; else None."""
        return next((cell for cell in self.scored.values() if cell.kind == "choice"), None)

    @property
    def reads_states(self) -> bool:
        """Whether its one cell has states, from which a calibration makes scores.

        In a committee, it is enough that one of the judges reads them.
        """
        return any(TRAITS[one.scorer.settings.method].reads_states for one in self.each)

    @property
    def states(self) -> Cell | None:
        """The cell with states, for methods that read them, once they are read."""
        if not self.reads_states:
            return None
        return next((cell for cell in self.scored.values() if cell.kind == "states"), None)

    @property
    def unscored(self) -> dict[str, Unscored]:
        """Unscored cells by field."""
        return {field: cell for field, cell in self.cells.items() if isinstance(cell, Unscored)}

    @property
    def pending(self) -> dict[str, Pending]:
        """Pending cells by field."""
        return {field: cell for field, cell in self.cells.items() if isinstance(cell, Pending)}

    @property
    def fresh(self) -> list[Cell]:
        """Cells that were scored for this request and did not come from the cache."""
        if self.cached == self.cells.keys():
            return []
        return [cell for field, cell in self.scored.items() if field not in self.cached]

    @property
    def usage(self) -> Usage:
        """Total tokens of the fresh cells."""
        if self.members:
            return sum((member.usage for member in self.members), Usage())
        return sum((cell.usage for cell in self.fresh), Usage())

    @property
    def timings(self) -> CellTimings:
        """Longest timings among the fresh cells, which are scored concurrently. Milliseconds."""
        if self.members:
            return longest([member.timings for member in self.members])
        return longest([cell.timings for cell in self.fresh])

    def named(self, attribute: str) -> dict[str, CellState]:
        """The cells of an attribute, by field. `attribute` is a field (`name@digest`) or a name.

        A field takes precedence over a name: names may contain `@`, and every cell must be
        addressable. Choices and states are left out: they have no scores to compare with a target.
        """
        if attribute in self.cells:
            cell = self.cells[attribute]
            return {} if isinstance(cell, Cell) and cell.kind != "score" else {attribute: cell}
        return {
            field: cell
            for field, cell in self.cells.items()
            if cell.attribute == attribute and not (isinstance(cell, Cell) and cell.kind != "score")
        }


def longest(timings: Sequence[CellTimings]) -> CellTimings:
    """The longest of each kind, of work that was done at the same time."""
    if not timings:
        return CellTimings()
    return CellTimings(
        queue=max(t.queue for t in timings),
        retrieval=max(t.retrieval for t in timings),
        engine=max(t.engine for t in timings),
    )


def split_score_set_id(score_set_id: str) -> tuple[str, str | None]:
    """Split a score set id into digest and view; the view is None for a bare digest."""
    digest, _, view = score_set_id.partition(ID_SEPARATOR)
    return digest, view or None
