"""Alignment: from scores and a target to a choice (paper section 4.1), in array form.

Shapes: `T` targets, `C` candidates, `A` attributes. Scores, targets and distances are in the units
of the scores, [0, 1] for each attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Distance = Literal["euclidean", "manhattan", "chebyshev", "mahalanobis"]

TIE_TOLERANCE = 1e-9
"""Distances closer than this are equal: a tie must not hang on the last bit of a float."""


class Bounds(Struct, frozen=True):
    """A wish that any value within satisfies: at most, at least, or between."""

    low: float = 0.0
    high: float = 1.0


Wish = float | Bounds
"""What a target says about one attribute: a value to come near, or bounds to stay within."""


class WeightlessTarget(ValueError):
    """Every attribute of a target has the weight 0: all candidates would tie."""


class TargetMatrix(Struct, frozen=True):
    """Targets as arrays: attributes that a target leaves out weigh nothing for it."""

    attributes: tuple[str, ...]
    """Names of the `A` columns: every attribute that any of the targets names."""
    values: Floats
    """(T, A), 0 where a target leaves the attribute out; of bounds the lower one."""
    weights: Floats
    """(T, A), at least 0; 0 where a target leaves the attribute out."""
    named: NDArray[np.bool_]
    """(T, A), whether a target names the attribute (a named one may still weigh 0)."""
    upper: Floats | None = None
    """(T, A), the upper bounds; None where every wish is a value."""

    @property
    def counting(self) -> NDArray[np.bool_]:
        """(T, A), whether a target names the attribute and it weighs something."""
        return self.weights > 0

    def part(self, rows: NDArray[np.intp], columns: NDArray[np.intp] | None = None) -> TargetMatrix:
        """Some of the targets, over some of the attributes (None: over all)."""
        if columns is None:
            columns = np.arange(len(self.attributes))
        chosen = np.ix_(rows, columns)
        return TargetMatrix(
            tuple(self.attributes[a] for a in columns),
            self.values[chosen],
            self.weights[chosen],
            self.named[chosen],
            None if self.upper is None else self.upper[chosen],
        )


class RankedCandidate(Struct, frozen=True):
    """A candidate and how far it lies from the target."""

    index: int
    distance: float


class Selection(Struct, frozen=True):
    """The choice for one target, and how close it was."""

    ranking: tuple[RankedCandidate, ...]
    """All candidates, nearest first; equally near ones in the caller's order."""
    margin: float | None
    """Distance of the runner-up minus that of the selected; None with a single candidate."""
    ties: tuple[int, ...]
    """Other candidates that are exactly as near as the selected one."""

    @property
    def selected(self) -> RankedCandidate:
        """The candidate nearest the target; of equally near ones the first listed."""
        return self.ranking[0]


def target_matrix(
    targets: Sequence[Mapping[str, Wish]], weights: Mapping[str, float] | None = None
) -> TargetMatrix:
    """Targets (attribute -> wish) and optional weights (attribute -> weight) as arrays.

    Raises `WeightlessTarget`.
    """
    attributes = tuple(dict.fromkeys(name for target in targets for name in target))
    column = {name: index for index, name in enumerate(attributes)}
    shape = (len(targets), len(attributes))
    sizes = [len(target) for target in targets]
    rows = np.repeat(np.arange(len(targets)), sizes)
    columns = np.fromiter((column[n] for t in targets for n in t), dtype=np.intp, count=sum(sizes))
    wishes = [wish for target in targets for wish in target.values()]
    values = np.zeros(shape)
    upper = None
    if any(isinstance(wish, Bounds) for wish in wishes):
        values[rows, columns] = [w.low if isinstance(w, Bounds) else w for w in wishes]
        upper = np.zeros(shape)
        upper[rows, columns] = [w.high if isinstance(w, Bounds) else w for w in wishes]
    else:
        values[rows, columns] = np.array(wishes, dtype=np.float64)
    weight_of = np.array([(weights or {}).get(name, 1.0) for name in attributes])
    weight = np.zeros(shape)
    weight[rows, columns] = weight_of[columns]
    named = np.zeros(shape, dtype=np.bool_)
    named[rows, columns] = True
    if sum(sizes) and not weight.any(axis=1).all():
        raise WeightlessTarget("a target whose attributes all weigh 0 is no wish at all")
    return TargetMatrix(attributes, values, weight, named, upper)


def distances(
    scores: Floats,
    targets: TargetMatrix,
    metric: Distance = "euclidean",
    covariance: Floats | None = None,
) -> Floats:
    """Distance of every candidate from every target.

    `scores` is (C, A) with the columns of `targets`; the result is (T, C). With d_a the part of
    |s_a - t_a| that lies outside the bounds where the wish has bounds:

    - euclidean: sqrt(sum_a w_a d_a^2), the paper's alignment function (section 4.1);
    - manhattan: sum_a w_a d_a;
    - chebyshev: max_a w_a d_a;
    - mahalanobis: sqrt(e^T P e) with e_a = sqrt(w_a) (s_a - t_a) and P the inverse `covariance`
      (A, A) of the attributes that count for a target, which are those that it names and that
      weigh more than 0: correlated ones count once. Values only.

    Raises ValueError for a Mahalanobis distance without a covariance or with bounds.
    """
    if metric == "mahalanobis":
        return _mahalanobis(scores, targets, covariance)
    total = np.zeros((len(targets.values), len(scores)))
    # One attribute at a time: the (T, C, A) array of all differences would not stay in the cache.
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
    """How far scores (1, C) lie from what targets wish of attribute `a`: (T, C)."""
    below: Floats = targets.values[:, a, None] - scores
    if targets.upper is None:
        return np.abs(below, out=below)
    np.maximum(below, scores - targets.upper[:, a, None], out=below)
    return np.maximum(below, 0.0, out=below)


def _mahalanobis(scores: Floats, targets: TargetMatrix, covariance: Floats | None) -> Floats:
    if covariance is None or targets.upper is not None:
        raise ValueError("a Mahalanobis distance needs a covariance, and values for wishes")
    total = np.zeros((len(targets.values), len(scores)))
    # Targets for which the same attributes count share one precision: that of these alone.
    patterns, group = np.unique(targets.counting, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        columns = np.flatnonzero(pattern)
        rows = np.flatnonzero(group.reshape(-1) == number)
        root = np.linalg.cholesky(precision_of(covariance, columns))
        weight = np.sqrt(targets.weights[np.ix_(rows, columns)])
        values, within = targets.values[np.ix_(rows, columns)], scores[:, columns]
        # The (T, C, A) array of all errors may be large: the longer of T and C goes at once.
        if len(rows) < len(scores):
            for row, one, wanted in zip(rows, weight, values, strict=True):
                total[row] = _length((within - wanted) * one @ root)
        else:
            for c, candidate in enumerate(within):
                total[rows, c] = _length((candidate - values) * weight @ root)
    return total


def _length(vectors: Floats) -> Floats:
    """(N, K) -> (N,)"""
    return np.asarray(np.sqrt(np.einsum("nk,nk->n", vectors, vectors)))


def precision_of(covariance: Floats, columns: NDArray[np.intp]) -> Floats:
    """Inverse covariance of some attributes: (A, A) -> (K, K)."""
    return np.asarray(np.linalg.inv(covariance[np.ix_(columns, columns)]), dtype=np.float64)


def nearest(distance: Floats) -> NDArray[np.intp]:
    """Index of the nearest candidate for each target, the first of equals: (T, C) -> (T,)."""
    limit = distance.min(axis=1, keepdims=True) + TIE_TOLERANCE
    first: NDArray[np.intp] = np.argmax(distance <= limit, axis=1)
    return first


def rank(distance: Floats) -> Selection:
    """The selection for one target from the (C,) distances of its candidates."""
    lowest = float(distance.min())
    # What ties with the nearest stands first, in the caller's order, as `nearest` has it.
    order = np.lexsort((np.where(distance <= lowest + TIE_TOLERANCE, lowest, distance),))
    ranking = tuple(RankedCandidate(int(i), float(distance[i])) for i in order)
    ties = tuple(r.index for r in ranking[1:] if r.distance <= lowest + TIE_TOLERANCE)
    margin = max(0.0, ranking[1].distance - ranking[0].distance) if len(ranking) > 1 else None
    return Selection(ranking=ranking, margin=margin, ties=ties)
