"""Explanations of a selection: shares of the distance, and changes that would flip it. Pure.

With a Euclidean or Mahalanobis distance, the targets equally far from two candidates form a
hyperplane, so flips are computed analytically. Shapes: `C` candidates, `A` attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.selection.distance import Distance, curve_parts, distances, precision_of
from app.domain.selection.ranking import TIE_TOLERANCE, rank
from app.domain.selection.targets import TargetMatrix


class Flip(Struct, frozen=True):
    """The smallest change of one desired value that makes another candidate the nearest."""

    attribute: str
    value: float
    """Desired value at which the two candidates are equally near, in [0, 1]."""
    change: float
    """`value` minus the desired value in the target."""
    candidate: int
    """Index of the candidate that would be selected beyond `value`."""


class Contribution(Struct, frozen=True):
    """A candidate's distance from the target, split by attribute."""

    candidate: int
    shares: dict[str, float]
    """Attribute -> share of the distance (of the squared distance for euclidean and mahalanobis).
    Shares add up to 1, or are all 0 if the candidate lies on the target. With mahalanobis a share
    may be negative, if the errors on correlated attributes predict the attribute's error."""


class Explanation(Struct, frozen=True):
    """Why the selected candidate was selected."""

    contributions: tuple[Contribution, ...]
    """For the selected candidate and the runner-up."""
    flips: tuple[Flip, ...] | None
    """Smallest change first. An attribute is left out if no value in [0, 1] flips the selection.
    None for other distances than euclidean and mahalanobis, and for targets with bounds."""
    never_selected: tuple[int, ...]
    """Candidates that no target over these attributes selects, because an earlier candidate has the
    same scores. (Any other candidate is selected by the target that equals its scores.)"""


def explain(
    scores: Floats,
    target: TargetMatrix,
    metric: Distance = "euclidean",
    covariance: Floats | None = None,
) -> Explanation:
    """Explain the selection for one target. `scores` is (C, A); `target` has one row."""
    distance = distances(scores, target, metric, covariance)[0]
    selection = rank(distance)
    shown = [ranked.index for ranked in selection.ranking[:2]]
    named = np.flatnonzero(target.named[0])
    analytic = metric in ("euclidean", "mahalanobis") and target.upper is None
    form = _quadratic_form(target, named, metric, covariance) if analytic else None
    contributions = tuple(
        Contribution(index, _shares(scores[index], target, named, metric, form)) for index in shown
    )
    names = [target.attributes[a] for a in named]
    within = scores[:, named]
    flips = None
    if form is not None:
        wishes = target.values[0, named]
        flips = _flips(within, wishes, names, form, selection.selected.index)
    counting = scores[:, target.counting[0]]
    return Explanation(contributions, flips, never_selected(counting))


def never_selected(scores: Floats) -> tuple[int, ...]:
    """Indices of candidates with the same scores (C, A) as an earlier candidate."""
    return tuple(
        c
        for c in range(1, len(scores))
        if (np.abs(scores[:c] - scores[c]).max(axis=1, initial=0.0) <= TIE_TOLERANCE).any()
    )


def _quadratic_form(
    target: TargetMatrix, columns: NDArray[np.intp], metric: Distance, covariance: Floats | None
) -> Floats:
    """The matrix P of the squared distance (s - t)^T P (s - t) over the named attributes."""
    root = np.sqrt(target.weights[0, columns])
    middle = np.eye(len(columns))
    if metric == "mahalanobis":
        assert covariance is not None, "distances() raises an error without a covariance"
        counting = target.counting[0, columns]
        middle[np.ix_(counting, counting)] = precision_of(covariance, columns[counting])
    return np.asarray(root[:, None] * middle * root[None, :], dtype=np.float64)


def _shares(
    candidate: Floats,
    target: TargetMatrix,
    columns: NDArray[np.intp],
    metric: Distance,
    form: Floats | None,
) -> dict[str, float]:
    low = target.values[0, columns]
    high = low if target.upper is None else target.upper[0, columns]
    error = candidate[columns] - np.clip(candidate[columns], low, high)
    weight = target.weights[0, columns]
    if target.curves is not None:
        parts = curve_parts(candidate[None], target)[columns, 0, 0]
    elif form is not None:
        parts = error * (form @ error)
    elif metric == "manhattan":
        parts = weight * np.abs(error)
    elif metric == "chebyshev":
        weighted = weight * np.abs(error)
        parts = np.where(weighted >= weighted.max() - TIE_TOLERANCE, weighted, 0.0)
    else:
        parts = weight * np.square(error)
    total = float(parts.sum())
    shares = parts / total if total > TIE_TOLERANCE**2 else np.zeros(len(columns))
    return {target.attributes[a]: float(share) for a, share in zip(columns, shares, strict=True)}


def _flips(
    scores: Floats, wishes: Floats, names: Sequence[str], form: Floats, selected: int
) -> tuple[Flip, ...]:
    """For each attribute, the nearest value in [0, 1] at which another candidate is equally near.

    Along one attribute, the difference of two squared distances is linear in the desired value,
    whose squares cancel: gap + slope * change, with slope = -2 [P (s_o - s_selected)]_a.
    """
    error = scores - wishes
    squared = np.einsum("ca,ab,cb->c", error, form, error)
    gaps = squared - squared[selected]
    slopes = -2 * (scores - scores[selected]) @ form
    flips: list[Flip] = []
    for a, name in enumerate(names):
        best: Flip | None = None
        for other in range(len(scores)):
            slope = slopes[other, a]
            if other == selected or abs(slope) < TIE_TOLERANCE:
                continue
            change = -gaps[other] / slope
            value = wishes[a] + change
            if not -TIE_TOLERANCE <= value <= 1 + TIE_TOLERANCE:
                continue
            if best is None or abs(change) < abs(best.change):
                best = Flip(name, float(np.clip(value, 0, 1)), float(change), other)
        if best is not None:
            flips.append(best)
    return tuple(sorted(flips, key=lambda flip: abs(flip.change)))
