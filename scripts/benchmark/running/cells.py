"""What a result records of the cells of an answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.domain.cells import Usage
from app.scores.schemas import CandidateScoreOut, CellOut, ScoredCellOut, UnscoredCellOut
from scripts.client.answers import scored_of


def raw_scores(cells: Iterable[CellOut]) -> dict[str, tuple[float, ...]]:
    """Attribute -> score of each candidate as the model gave it."""
    return {c.attribute: tuple(s.score for s in c.scores) for c in scored_of(cells)}


def calibrated_scores(cells: Iterable[CellOut]) -> dict[str, tuple[float, ...]]:
    """Attribute -> calibrated score of each candidate, of an answer that has a calibration."""
    return {c.attribute: tuple(map(_calibrated, c.scores)) for c in scored_of(cells)}


def spreads(cells: Iterable[CellOut]) -> dict[str, tuple[float, ...]]:
    """Attribute -> standard deviation of each candidate's score, where there is any."""
    return {
        c.attribute: tuple(s.spread for s in c.scores)
        for c in scored_of(cells)
        if any(s.spread for s in c.scores)
    }


def reasons(cells: Iterable[CellOut]) -> dict[str, str]:
    """Attribute -> why it has no scores."""
    return {
        c.attribute: c.reason if isinstance(c, UnscoredCellOut) else c.status
        for c in cells
        if c.status != "scored"
    }


def usage(cells: Iterable[CellOut]) -> Usage:
    """Tokens that all scored cells took together."""
    each = (msgspec.convert(c.usage, Usage, from_attributes=True) for c in scored_of(cells))
    return sum(each, start=Usage())


def any_cached(cells: Iterable[CellOut]) -> bool:
    """Whether a cell was in the cache when it was asked for."""
    return any(cell.cached for cell in scored_of(cells))


def mean_biases(cells: Iterable[CellOut]) -> dict[str, float]:
    """Attribute -> mean position bias of its cells."""
    biases: dict[str, list[float]] = {}
    for cell in scored_of(cells):
        if cell.position_bias is not None:
            biases.setdefault(cell.attribute, []).append(cell.position_bias)
    return {name: round(sum(values) / len(values), 6) for name, values in biases.items()}


def by_order(cell: CellOut, samples: int) -> NDArray[np.float64] | None:
    """A cell's scores in the first and in the last order, shape (2, C).

    None for an unscored cell, and where answers were discarded: then it is unknown which order the
    remaining values are from. Candidates that all have one text have a single order.
    """
    if not isinstance(cell, ScoredCellOut) or cell.answers_discarded:
        return None
    values = np.array([s.values or [s.score] for s in cell.scores], np.float64)
    orders = values.reshape(len(values), -1, samples).mean(axis=2)
    ends: NDArray[np.float64] = orders[:, [0, -1]].T
    return ends


def all_cells(answers: Iterable[Sequence[CellOut]]) -> list[CellOut]:
    """The cells of several answers as one list."""
    return [cell for cells in answers for cell in cells]


def _calibrated(score: CandidateScoreOut) -> float:
    assert score.calibrated is not None, "an answer with a calibration calibrates every score"
    return round(score.calibrated.score, 4)
