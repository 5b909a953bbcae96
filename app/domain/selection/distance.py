"""Distances of candidates from targets (paper section 4.1), on arrays. Pure.

Shapes: `T` targets, `C` candidates, `A` attributes. Scores and targets are in [0, 1].
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.selection.targets import TargetMatrix

Distance = Literal["euclidean", "manhattan", "chebyshev", "mahalanobis"]


def distances(
    scores: Floats,
    targets: TargetMatrix,
    metric: Distance = "euclidean",
    covariance: Floats | None = None,
) -> Floats:
    """Distance of every candidate from every target: (T, C).

    `scores` is (C, A), with the columns of `targets`. With d_a = |s_a - t_a|, or for bounds the
    distance of s_a from the interval:

    - euclidean: sqrt(sum_a w_a d_a^2), the paper's alignment function (section 4.1);
    - manhattan: sum_a w_a d_a;
    - chebyshev: max_a w_a d_a;
    - mahalanobis: sqrt(e^T P e) with e_a = sqrt(w_a) (s_a - t_a) and P the inverse of the
      `covariance` (A, A), restricted to the attributes that the target names with a positive
      weight. Correlated attributes count once. Values only, no bounds.

    Raises ValueError for a Mahalanobis distance without a covariance or with bounds.
    """
    if metric == "mahalanobis":
        return _mahalanobis(scores, targets, covariance)
    total = np.zeros((len(targets.values), len(scores)))
    # One attribute at a time: the (T, C, A) array of all differences may exceed the CPU cache.
    for a in range(scores.shape[1]):
        difference = _outside(scores[None, :, a], targets, a)
        weight = targets.weights[:, a, None]
        if metric == "chebyshev":
            np.maximum(total, weight * difference, out=total)
        elif metric == "manhattan":
            total += weight * difference
        else:
            total += weight * difference * difference
    return np.sqrt(total, out=total) if metric == "euclidean" else total


def _outside(scores: Floats, targets: TargetMatrix, a: int) -> Floats:
    """Distance of scores (1, C) from the desired value or bounds of attribute `a`: (T, C)."""
    below: Floats = targets.values[:, a, None] - scores
    if targets.upper is None:
        return np.abs(below, out=below)
    np.maximum(below, scores - targets.upper[:, a, None], out=below)
    return np.maximum(below, 0.0, out=below)


def _mahalanobis(scores: Floats, targets: TargetMatrix, covariance: Floats | None) -> Floats:
    if covariance is None or targets.upper is not None:
        raise ValueError("a Mahalanobis distance needs a covariance, and targets without bounds")
    total = np.zeros((len(targets.values), len(scores)))
    # Targets over the same attributes share one precision matrix.
    patterns, group = np.unique(targets.counting, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        columns = np.flatnonzero(pattern)
        rows = np.flatnonzero(group.reshape(-1) == number)
        root = np.linalg.cholesky(precision_of(covariance, columns))
        weight = np.sqrt(targets.weights[np.ix_(rows, columns)])
        values, within = targets.values[np.ix_(rows, columns)], scores[:, columns]
        # The (T, C, A) array of all errors may be large: vectorise over the longer of T and C.
        if len(rows) < len(scores):
            for row, one, wanted in zip(rows, weight, values, strict=True):
                total[row] = _length((within - wanted) * one @ root)
        else:
            for c, candidate in enumerate(within):
                total[rows, c] = _length((candidate - values) * weight @ root)
    return total


def _length(vectors: Floats) -> Floats:
    """Euclidean norm of each row: (N, K) -> (N,)."""
    return np.asarray(np.sqrt(np.einsum("nk,nk->n", vectors, vectors)))


def precision_of(covariance: Floats, columns: NDArray[np.intp]) -> Floats:
    """Inverse covariance of the `K` attributes in `columns`: (A, A) -> (K, K)."""
    return np.asarray(np.linalg.inv(covariance[np.ix_(columns, columns)]), dtype=np.float64)
