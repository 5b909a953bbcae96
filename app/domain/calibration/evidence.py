"""Inputs of a calibration: surface features, and the readings in a score set's cells. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Floats
from app.domain.cells import Cell
from app.domain.features import surface_features
from app.domain.methods import reads_digits
from app.domain.score_set import ScoreSet
from app.domain.scorer import ScorerSettings

_LEAST_MASS = 1e-9


@dataclass(frozen=True, slots=True)
class Evidence:
    """Inputs of a calibration for one scenario."""

    surface: Floats
    """(C, F), surface features."""
    readings: Floats
    """(C, A, J), the score first in each reading; NaN for attributes that are not scored."""
    states: Floats | None = None
    """(C, L, D), hidden states of `L` layers; None for methods that do not read them. Readings are
    0 then."""


def without_judge(question: str, responses: Sequence[str], attributes: int) -> Evidence:
    """Evidence for a scenario without a judge: surface features, and 0 for every score."""
    surface = [surface_features(question, text) for text in responses]
    return Evidence(np.array(surface), np.zeros((len(responses), attributes, 1)))


def evidence_in(score_set: ScoreSet, fields: Sequence[str]) -> Evidence | None:
    """The evidence of a single judge for one scenario; None if it gave nothing on `fields`.

    The score set has surface features.
    """
    assert score_set.surface is not None, "surface features are stored with every score set"
    surface = score_set.surface.values
    if score_set.reads_states:
        read = score_set.states
        return evidence_of_states(read, surface, len(fields)) if read else None
    if not any(field in score_set.scores for field in fields):
        return None
    return evidence_of(score_set.scores, surface, fields, score_set.scorer.settings)


def evidence_of_states(cell: Cell, surface: Sequence[Sequence[float]], attributes: int) -> Evidence:
    """Evidence for one scenario from its states, on any number of attributes."""
    states = np.stack([reading.array for reading in cell.states])
    readings = np.zeros((len(states), attributes, 1))
    return Evidence(np.array(surface, dtype=np.float64), readings, states)


def evidence_of(
    cells: Mapping[str, Cell],
    surface: Sequence[Sequence[float]],
    fields: Sequence[str],
    settings: ScorerSettings,
) -> Evidence:
    """Evidence for one scenario from its cells (by field) and its surface features (C, F).

    Raises ValueError if none of `fields` has a cell.
    """
    scored = {f: readings_of(cells[f], settings) for f in fields if f in cells}
    if not scored:
        raise ValueError("none of the attributes is scored")
    missing = np.full_like(next(iter(scored.values())), np.nan)
    readings = np.stack([scored.get(field, missing) for field in fields], axis=1)
    return Evidence(np.array(surface, dtype=np.float64), readings)


def readings_of(cell: Cell, settings: ScorerSettings) -> Floats:
    """A cell's readings: (C, J). `J` is the same for all cells of a scorer.

    The columns are the score; with several samples or orders the spread, because it shows how much
    order and chance matter; for digit readings the shares of the digits 0 to 3, their deviation and
    the logarithm of the digit mass.
    """
    averaged = settings.samples * settings.orders > 1
    probabilities = reads_digits(settings.method, reasoning=settings.reasoning)
    rows: list[list[float]] = []
    for candidate in cell.scores:
        row = [candidate.score]
        if averaged:
            row.append(candidate.spread)
        if probabilities:
            assert candidate.digits is not None, "the scorer reads digits"
            digits = candidate.digits
            mass = max(sum(digits.probabilities), _LEAST_MASS)
            row += [p / mass for p in digits.probabilities[:-1]]
            row += [digits.deviation, float(np.log(mass))]
        rows.append(row)
    return np.array(rows, dtype=np.float64)
