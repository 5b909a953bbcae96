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
Distance = Literal["euclidean", "manhattan", "chebyshev"]

TIE_TOLERANCE = 1e-9
"""Distances closer than this are equal: a tie must not hang on the last bit of a float."""


class WeightlessTarget(ValueError):
    """Every attribute of a target has the weight 0: all candidates would tie."""


class TargetMatrix(Struct, frozen=True):
    """Targets as arrays: attributes that a target leaves out weigh nothing for it."""

    attributes: tuple[str, ...]
    """Names of the `A` columns: every attribute that any of the targets names."""
    values: Floats
    """(T, A), 0 where a target leaves the attribute out."""
    weights: Floats
    """(T, A), at least 0; 0 where a target leaves the attribute out."""
    named: NDArray[np.bool_]
    """(T, A), whether a target names the attribute (a named one may still weigh 0)."""


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
    targets: Sequence[Mapping[str, float]], weights: Mapping[str, float] | None = None
) -> TargetMatrix:
    """Targets (attribute -> desired value) and optional weights (attribute -> weight) as arrays.

    Raises `WeightlessTarget`.
    """
    attributes = tuple(dict.fromkeys(name for target in targets for name in target))
    column = {name: index for index, name in enumerate(attributes)}
    shape = (len(targets), len(attributes))
    sizes = [len(target) for target in targets]
    rows = np.repeat(np.arange(len(targets)), sizes)
    columns = np.fromiter((column[n] for t in targets for n in t), dtype=np.intp, count=sum(sizes))
    values = np.zeros(shape)
    values[rows, columns] = np.fromiter(
        (v for t in targets for v in t.values()), dtype=np.float64, count=sum(sizes)
    )
    weight_of = np.array([(weights or {}).get(name, 1.0) for name in attributes])
    weight = np.zeros(shape)
    weight[rows, columns] = weight_of[columns]
    named = np.zeros(shape, dtype=np.bool_)
    named[rows, columns] = True
    if sum(sizes) and not weight.any(axis=1).all():
        raise WeightlessTarget("a target whose attributes all weigh 0 is no wish at all")
    return TargetMatrix(attributes, values, weight, named)


def distances(scores: Floats, targets: TargetMatrix, metric: Distance = "euclidean") -> Floats:
    """Distance of every candidate from every target.

    `scores` is (C, A) with the columns of `targets`; the result is (T, C).

    - euclidean: sqrt(sum_a w_a (s_a - t_a)^2), the paper's alignment function (section 4.1);
    - manhattan: sum_a w_a |s_a - t_a|;
    - chebyshev: max_a w_a |s_a - t_a|.
    """
    total = np.zeros((len(targets.values), len(scores)))
    # One attribute at a time: the (T, C, A) array of all differences would not stay in the cache.
    for a in range(scores.shape[1]):
        difference = np.abs(targets.values[:, a, None] - scores[None, :, a])
        weight = targets.weights[:, a, None]
        if metric == "chebyshev":
            np.maximum(total, weight * difference, out=total)
        elif metric == "manhattan":
            total += weight * difference
        else:
            total += weight * difference * difference
    return np.sqrt(total, out=total) if metric == "euclidean" else total


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
