"""Distances of candidates from targets (paper section 4.1), on arrays. Pure.

Shapes: `T` targets, `C` candidates, `A` attributes. Scores and targets are in [0, 1].
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.selection.distributions import DISTRIBUTION_METRICS, look_up
from app.domain.selection.targets import TargetMatrix

_FEW = 4096
"""Numbers (T x C x A) that are computed at once: calls of NumPy take longer than the arithmetic."""

Distance = Literal[
    "euclidean", "manhattan", "chebyshev", "mahalanobis", "likelihood", "jensen_shannon"
]
"""The last two compare distributions."""


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
      weight. Correlated attributes count once. Values only, no bounds;
    - likelihood, jensen_shannon: weighted sum of the targets' curves at the scores
      (`distributions.curve`).

    Raises ValueError for a Mahalanobis distance without a covariance or with bounds, and for
    distributions without curves.
    """
    if metric in DISTRIBUTION_METRICS:
        return np.asarray(curve_parts(scores, targets).sum(axis=0))
    if metric == "mahalanobis":
        return _mahalanobis(scores, targets, covariance)
    if len(targets.values) * scores.size <= _FEW:
        weighted = _weighted(scores, targets, slice(None), metric)
        total: Floats = weighted.max(axis=2) if metric == "chebyshev" else weighted.sum(axis=2)
    else:
        total = np.zeros((len(targets.values), len(scores)))
        # One attribute at a time: all (T, C, A) differences may exceed the CPU cache.
        for a in range(scores.shape[1]):
            one = slice(a, a + 1)
            weighted = _weighted(scores[:, one], targets, one, metric)[:, :, 0]
            (np.maximum if metric == "chebyshev" else np.add)(total, weighted, out=total)
    return np.sqrt(total, out=total) if metric == "euclidean" else total


def curve_parts(scores: Floats, targets: TargetMatrix) -> Floats:
    """What each attribute adds to a distance between distributions: (A, T, C)."""
    if targets.curves is None:
        raise ValueError("a distance between distributions needs targets with curves")
    parts = np.empty((scores.shape[1], len(targets.values), len(scores)))
    for a in range(scores.shape[1]):
        parts[a] = targets.weights[:, a, None] * look_up(targets.curves[:, a], scores[:, a])
    return parts


def _weighted(scores: Floats, targets: TargetMatrix, part: slice, metric: Distance) -> Floats:
    """What each of K attributes adds to the distance, or to its square: (T, C, K)."""
    difference = _outside(scores, targets, part)
    weighted: Floats = targets.weights[:, None, part] * difference
    if metric == "euclidean":
        weighted *= difference
    return weighted


def _outside(scores: Floats, targets: TargetMatrix, part: slice) -> Floats:
    """Distance of scores (C, K) from the desired values or bounds of K attributes: (T, C, K)."""
    below: Floats = targets.values[:, None, part] - scores
    if targets.upper is None:
        return np.abs(below, out=below)
    np.maximum(below, scores - targets.upper[:, None, part], out=below)
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
