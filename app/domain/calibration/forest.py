"""Ensembles of regression trees as plain arrays: predicted with NumPy, loaded without running code.

They are grown by scikit-learn where a calibration is fitted; who applies one needs neither it nor
pickle.
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
    """(N,), column that a node asks about; -1 for a leaf."""
    threshold: Floats
    """(N,), values up to it go left."""
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
            # Children come after their parents: no walk can go in circles.
            and (np.minimum(self.left, self.right) > np.arange(count))[self.feature != _LEAF].all()
        ):
            raise ValueError("these arrays are no forest")

    def predict(self, inputs: Floats) -> Floats:
        """Mean over the trees: (R, columns) -> (R, K)."""
        # Trees were grown on single precision: a value on a threshold must fall as it did then.
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
