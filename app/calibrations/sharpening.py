"""How sharp errors are: fitted so that probabilities are what is observed. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.selection.distance import distances
from app.domain.selection.ranking import TIE_TOLERANCE, nearest
from app.domain.selection.targets import TargetMatrix
from app.domain.selection.uncertainty import SharedErrors, wins

_GRID = np.linspace(0.3, 1.5, 9)
_SCENARIOS = 300
_TARGETS = 32
_DRAWS = 256


def sharpened(
    errors: SharedErrors, scenario: NDArray[np.intp], said: Floats, labels: Floats
) -> SharedErrors:
    """Errors whose probabilities are right on the average.

    `said` are scores of rows (R, A) by models that have not seen their `labels` (R, A), `scenario`
    (R,) tells which rows belong together; NaN where there is none. For random targets the mean
    probability of the selected candidate is made equal to the share that is correct.
    """
    source = np.random.default_rng(0)
    claimed = np.zeros(len(_GRID))
    correct = pairs = 0.0
    blocks = rows_by_scenario(scenario)
    for rows in [blocks[i] for i in source.permutation(len(blocks))[:_SCENARIOS]]:
        known = ~(np.isnan(said[rows]) | np.isnan(labels[rows])).any(axis=0)
        columns = np.flatnonzero(known)
        if len(rows) < 2 or not len(columns):
            continue
        own = replace(errors, sharpness=1.0).within(columns.tolist())
        targets = _targets(source, own)
        truth = distances(labels[np.ix_(rows, columns)], targets)
        decided = truth.max(axis=1) - truth.min(axis=1) > TIE_TOLERANCE
        scores = said[np.ix_(rows, columns)]
        selected = nearest(distances(scores, targets))
        best = truth[np.arange(len(truth)), selected] <= truth.min(axis=1) + TIE_TOLERANCE
        correct += float((best & decided).sum())
        pairs += float(decided.sum())
        noise = own.draw(source, _DRAWS, len(rows))
        for place, sharpness in enumerate(_GRID):
            drawn = own.settle(scores + sharpness * noise)
            chance = _chances(drawn, targets)[np.arange(len(truth)), selected]
            claimed[place] += float(chance[decided].sum())
    if not pairs:
        return errors
    # What is claimed falls as errors grow: where it meets what is observed.
    found = np.interp(-correct / pairs, -claimed / pairs, _GRID)
    return replace(errors, sharpness=round(float(found), 4))


def rows_by_scenario(scenario: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Rows (R,) that belong together, which stand one after the other."""
    starts = np.flatnonzero(scenario[1:] != scenario[:-1]) + 1
    return np.split(np.arange(len(scenario)), starts)


def _targets(source: np.random.Generator, errors: SharedErrors) -> TargetMatrix:
    """Random targets over all attributes of `errors`, on the levels of labels where there are."""
    size = len(errors.same)
    values = source.random((_TARGETS, size))
    for column, levels in enumerate(errors.levels):
        if levels:
            values[:, column] = source.choice(levels, _TARGETS)
    every = np.ones_like(values)
    return TargetMatrix(tuple(map(str, range(size))), values, every, every.astype(np.bool_))


def _chances(drawn: Floats, targets: TargetMatrix) -> Floats:
    """Share of the draws (N, C, A) in which each candidate is the nearest: (T, C)."""
    count, candidates, size = drawn.shape
    distance = distances(drawn.reshape(-1, size), targets).reshape(-1, count, candidates)
    won = wins(distance)
    return np.asarray(won.sum(axis=1) / np.maximum(won.sum(axis=(1, 2)), 1)[:, None])
