"""Scaling errors to make the probabilities drawn from them match observed frequencies. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.calibrations.fitting.rows import Indices, rows_by_scenario
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
    errors: SharedErrors, scenario: Indices, predicted: Floats, labels: Floats
) -> SharedErrors:
    """Errors whose probabilities are right on average.

    For random targets the mean probability of the selected candidate is made equal to the share
    that is correct. `predicted` (R, A) are out of fold, `scenario` (R,) is each row's scenario;
    NaN where a prediction or a label is missing.
    """
    source = np.random.default_rng(0)
    claimed = np.zeros(len(_GRID))
    correct = decisions = 0.0
    blocks = rows_by_scenario(scenario)
    for rows in [blocks[i] for i in source.permutation(len(blocks))[:_SCENARIOS]]:
        known = ~(np.isnan(predicted[rows]) | np.isnan(labels[rows])).any(axis=0)
        columns = np.flatnonzero(known)
        if len(rows) < 2 or not len(columns):
            continue
        own = replace(errors, sharpness=1.0).within(columns.tolist())
        part = np.ix_(rows, columns)
        observed = _observe(source, own, predicted[part], labels[part])
        correct += observed[0]
        decisions += observed[1]
        claimed += observed[2]
    if not decisions:
        return errors
    # Claimed probabilities fall as errors grow: choose the scale where they match observed ones.
    sharpness = np.interp(-correct / decisions, -claimed / decisions, _GRID)
    return replace(errors, sharpness=round(float(sharpness), 4))


def _observe(
    source: np.random.Generator, errors: SharedErrors, predicted: Floats, labels: Floats
) -> tuple[float, float, Floats]:
    """One scenario (C, A) against random targets.

    Returns how many selections are correct, for how many targets the labels decide between the
    candidates, and the sum of the selected candidates' probabilities for each scale of the grid.
    """
    targets = _targets(source, errors)
    truth = distances(labels, targets)
    decided = truth.max(axis=1) - truth.min(axis=1) > TIE_TOLERANCE
    selected = nearest(distances(predicted, targets))
    every = np.arange(len(truth))
    best = truth[every, selected] <= truth.min(axis=1) + TIE_TOLERANCE
    noise = errors.draw(source, _DRAWS, len(predicted))
    claimed = np.zeros(len(_GRID))
    for place, sharpness in enumerate(_GRID):
        drawn = errors.snap(predicted + sharpness * noise)
        claimed[place] = float(_chances(drawn, targets)[every, selected][decided].sum())
    return float((best & decided).sum()), float(decided.sum()), claimed


def _targets(source: np.random.Generator, errors: SharedErrors) -> TargetMatrix:
    """Random targets over all attributes of `errors`, on the labels' levels if there are any."""
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
    # Draws next to each other in memory: reductions over the few candidates are much faster so.
    rows = drawn.transpose(1, 0, 2).reshape(-1, size)
    distance = distances(rows, targets).reshape(-1, candidates, count)
    won = wins(np.moveaxis(distance, 1, -1))
    return np.asarray(won.sum(axis=1) / np.maximum(won.sum(axis=(1, 2)), 1)[:, None])
