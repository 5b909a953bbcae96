"""Score sets of hidden states as scores on attributes, made by a calibration. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from app.calibrations.applied import Calibrated
from app.domain.calibration.estimate import Estimate
from app.domain.cells import CandidateScore, Cell, CellState, Pending, Unscored
from app.domain.fingerprint import attribute_name
from app.domain.score_set import ScoreSet


@dataclass(frozen=True, slots=True)
class Opened:
    """A score set of states, with a cell for each attribute in place of that of the states."""

    score_set: ScoreSet
    calibrated: Calibrated | None
    """Where its scores come from; None while there are none."""

    def only(self, fields: Sequence[str]) -> Opened:
        """With these cells alone, in this order."""
        cells = {field: self.score_set.cells[field] for field in fields}
        cached = self.score_set.cached & set(fields)
        return Opened(replace(self.score_set, cells=cells, cached=cached), self.calibrated)


def opened(score_set: ScoreSet, fields: Collection[str], calibrated: Calibrated | None) -> Opened:
    """A cell for each of `fields`: scored by a calibration, or as the states are, if they are not.

    The tokens of the states are divided among the cells.
    """
    ((states_field, state),) = score_set.cells.items()
    cells: dict[str, CellState] = {}
    if isinstance(state, Cell):
        assert calibrated is not None, "states that are read make scores"
        usages = state.usage.split(len(fields))
        for column, (field, usage) in enumerate(zip(fields, usages, strict=True)):
            cells[field] = Cell(
                attribute=attribute_name(field),
                scores=_scores(calibrated.estimate, column),
                usage=usage,
                timings=state.timings,
                created_ms=state.created_ms,
            )
    else:
        cells = {field: _same(state, attribute_name(field)) for field in fields}
    cached = frozenset(cells) if states_field in score_set.cached else frozenset[str]()
    return Opened(replace(score_set, cells=cells, cached=cached), calibrated)


def _scores(estimate: Estimate, column: int) -> tuple[CandidateScore, ...]:
    return tuple(CandidateScore(score) for score in estimate.scores[:, column].tolist())


def _same(state: Pending | Unscored, attribute: str) -> Pending | Unscored:
    return replace(state, attribute=attribute)
