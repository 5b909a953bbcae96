"""Ensembles of regression trees stored as plain arrays. Prediction uses NumPy only.

scikit-learn grows the trees during fitting. Applying a calibration needs neither it nor pickle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats

_LEAF = -1
_PATHS = 500_000
"""Most paths of rows through trees that are followed at once."""


@dataclass(frozen=True, slots=True)
class Forest:
    """`N` nodes of all trees, `T` roots, `K` outputs."""

    feature: NDArray[np.int16]
    """(N,), input column tested at a node; -1 for a leaf."""
    threshold: Floats
    """(N,), values up to the threshold go left."""
    left: NDArray[np.int32]
    """(N,), index of the left child."""
    right: NDArray[np.int32]
    """(N,), index of the right child."""
    value: NDArray[np.float32]
    """(N, K), prediction of a leaf."""
    roots: NDArray[np.int32]
    """(T,), index of each tree's root."""

    def __post_init__(self) -> None:
        count = len(self.feature)
        if not (
            len(self.threshold) == len(self.left) == len(self.right) == len(self.value) == count
            and self.value.ndim == 2
            and len(self.roots)
            and _within(self.roots, count)
            and _within(self.left, count)
            and _within(self.right, count)
            # Children come after their parents: no path can loop.
            and (np.minimum(self.left, self.right) > np.arange(count))[self.feature != _LEAF].all()
        ):
            raise ValueError("the arrays do not describe a forest")

    def predict(self, inputs: Floats) -> Floats:
        """Mean prediction of the trees: (R, columns) -> (R, K)."""
        # Trees are grown in single precision: values at a threshold must take the same branch.
        rows = np.asarray(inputs, dtype=np.float32)
        size = max(1, _PATHS // len(self.roots))
        parts = [self._predict(rows[start : start + size]) for start in range(0, len(rows), size)]
        return np.concatenate(parts) if parts else np.zeros((0, self.value.shape[1]))

    def _predict(self, rows: NDArray[np.float32]) -> Floats:
        """All trees at once, step by step: few rows then take few operations."""
        node = np.repeat(self.roots, len(rows))
        row = np.tile(np.arange(len(rows)), len(self.roots))
        active = np.arange(len(node))
        while len(active):
            at = node[active]
            column = self.feature[at]
            inner = column != _LEAF
            active, at, column = active[inner], at[inner], column[inner]
            low = rows[row[active], column] <= self.threshold[at]
            node[active] = np.where(low, self.left[at], self.right[at])
        reached = self.value[node].reshape(len(self.roots), len(rows), -1)
        return np.asarray(reached.mean(axis=0, dtype=np.float64))


def _within(places: NDArray[np.int32], count: int) -> bool:
    return bool(((places >= 0) & (places < count)).all())
