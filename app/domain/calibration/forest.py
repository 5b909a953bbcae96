"""Ensembles of regression trees as plain arrays, which predict with NumPy.

scikit-learn grows the trees when a calibration is fitted. Applying one needs neither it nor pickle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats

_LEAF = -1


@dataclass(frozen=True, slots=True)
class Forest:
    """`N` nodes of all trees, `T` roots, `K` outputs."""

    feature: NDArray[np.int16]
    """(N,), input column that a node tests; -1 for a leaf."""
    threshold: Floats
    """(N,), values up to this go left."""
    left: NDArray[np.int32]
    """(N,)"""
    right: NDArray[np.int32]
    """(N,)"""
    value: NDArray[np.float32]
    """(N, K), what a leaf predicts."""
    roots: NDArray[np.int32]
    """(T,)"""

    def __post_init__(self) -> None:
        count = len(self.feature)
        if not (
            len(self.threshold) == len(self.left) == len(self.right) == len(self.value) == count
            and self.value.ndim == 2
            and len(self.roots)
            and _within(self.roots, count)
            and _within(self.left, count)
            and _within(self.right, count)
            # Children come after their parents, so that no path can loop.
            and (np.minimum(self.left, self.right) > np.arange(count))[self.feature != _LEAF].all()
        ):
            raise ValueError("these arrays are no forest")

    def predict(self, inputs: Floats) -> Floats:
        """Mean over the trees: (R, columns) -> (R, K)."""
        # Trees were grown in single precision: values on a threshold must go the same way.
        rows = np.asarray(inputs, dtype=np.float32)
        total = np.zeros((len(rows), self.value.shape[1]))
        every = np.arange(len(rows))
        for root in self.roots:
            node = np.full(len(rows), root, dtype=np.int32)
            walking = every
            while len(walking):
                at = node[walking]
                asked = self.feature[at]
                inner = asked != _LEAF
                walking, at, asked = walking[inner], at[inner], asked[inner]
                low = rows[walking, asked] <= self.threshold[at]
                node[walking] = np.where(low, self.left[at], self.right[at])
            total += self.value[node]
        return total / len(self.roots)


def _within(places: NDArray[np.int32], count: int) -> bool:
    return bool(((places >= 0) & (places < count)).all())
