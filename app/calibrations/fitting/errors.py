"""The errors of calibrated scores: their covariances over attributes and candidates. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.calibrations.fitting.rows import Rows, rows_by_scenario
from app.domain.arrays import Floats
from app.domain.bank import MAX_DISTINCT_LEVELS
from app.domain.selection.uncertainty import SharedErrors


def levels_of(rows: Rows) -> tuple[tuple[float, ...], ...]:
    """For each attribute the values that labels take; empty if there are too many to be levels."""
    levels: list[tuple[float, ...]] = []
    for labels in rows.labels.T:
        values = np.unique(labels[~np.isnan(labels)])
        levels.append(tuple(values.tolist()) if len(values) <= MAX_DISTINCT_LEVELS else ())
    return tuple(levels)


def errors_of(rows: Rows, predicted: Floats) -> SharedErrors:
    """Covariances of the errors of out-of-fold predictions (R, A)."""
    error = predicted - rows.labels
    size = error.shape[1]
    same, other = np.zeros((size, size)), np.zeros((size, size))
    blocks = [error[own] for own in rows_by_scenario(rows.scenario)]
    for a in range(size):
        for b in range(size):
            same[a, b] = _mean([block[:, a] * block[:, b] for block in blocks])
            other[a, b] = _mean(
                [
                    np.outer(block[:, a], block[:, b])[~np.eye(len(block), dtype=bool)]
                    for block in blocks
                    if len(block) > 1
                ]
            )
    return SharedErrors(same, (other + other.T) / 2, levels_of(rows))


def _mean(parts: Sequence[Floats]) -> float:
    """Mean over all parts; products without a label (NaN) do not count."""
    values = np.concatenate(parts) if parts else np.array([])
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else 0.0
