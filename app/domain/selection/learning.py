"""Targets learned from what people preferred: the value and weight of each attribute. Pure.

Shapes: `N` pairs of a preferred and another response, `A` attributes. Scores are in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats

_RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0)
_FOLDS = 5
_STEPS = 400
LEAST_WEIGHT = 0.02
"""Attributes of less weight, where the largest is 1, are left out of a learned target."""


@dataclass(frozen=True)
class Preferences:
    """Pairs of responses to one question, of which the first was preferred."""

    better: Floats
    """(N, A), scores of the preferred response"""
    worse: Floats
    """(N, A)"""
    weight: Floats
    """(N,), how much a pair counts: the difference of two ratings"""
    scenario: NDArray[np.int64]
    """(N,), number of the scenario: folds keep its pairs together"""


@dataclass(frozen=True)
class LearnedTarget:
    """The target and weights that best explain what was preferred."""

    target: dict[str, float]
    weights: dict[str, float]
    """The largest is 1."""
    pairs: int
    scenarios: int
    accuracy: float | None
    """Share of the pairs of left-out scenarios that the target of the others puts in the right
    order, weighted as in the fit; chance is 0.5. None with a single scenario."""


def preferences(
    scores: Sequence[Floats], ratings: Sequence[Floats], attributes: int
) -> Preferences:
    """All pairs of responses with different ratings, of each scenario.

    `scores` are (C, A) for each scenario, `ratings` (C,) with NaN for responses without one. Ties
    say nothing. Each scenario counts alike, however many responses it has.
    """
    better: list[Floats] = []
    worse: list[Floats] = []
    weight: list[float] = []
    scenario: list[int] = []
    for number, (score, rating) in enumerate(zip(scores, ratings, strict=True)):
        first, second = np.nonzero(rating[:, None] > rating[None, :])  # NaN compares as false
        gaps = rating[first] - rating[second]
        better.append(score[first])
        worse.append(score[second])
        weight += (gaps / gaps.sum()).tolist() if len(gaps) else []
        scenario += [number] * len(gaps)
    empty = np.zeros((0, attributes))
    return Preferences(
        np.vstack([empty, *better]),
        np.vstack([empty, *worse]),
        np.array(weight, dtype=np.float64),
        np.array(scenario, dtype=np.int64),
    )


def learn_target(pairs: Preferences, attributes: Sequence[str]) -> LearnedTarget:
    """The target whose weighted squared distances best explain the pairs.

    A response is preferred with log-odds of the difference of -sum_a w_a (s_a - t_a)^2. With
    p = w t and q = w (1 - t), both not negative, that is p (1 - (1 - s)^2) - q s^2: linear, so
    there is one optimum. The ridge is chosen on left-out scenarios. Raises `ValueError` without
    pairs, or if no attribute explains any.
    """
    if not len(pairs.weight):
        raise ValueError("no scenario has two responses of which one was preferred")
    features = _features(pairs.better) - _features(pairs.worse)
    _, fold_of = np.unique(pairs.scenario, return_inverse=True)
    count = int(fold_of.max()) + 1
    accuracy, ridge = None, _RIDGES[1]
    if count > 1:
        tried = [_left_out(features, pairs.weight, fold_of % _FOLDS, ridge) for ridge in _RIDGES]
        losses = [loss for loss, _ in tried]
        best = int(np.argmin(losses))
        ridge, accuracy = _RIDGES[best], tried[best][1]
    rising, falling = np.split(_fit(features, pairs.weight, ridge), 2)
    weight = rising + falling
    if not weight.max() > 1e-6:
        raise ValueError("no attribute explains what was preferred: its scores do not differ")
    kept = np.flatnonzero(weight >= LEAST_WEIGHT * weight.max())
    names = [attributes[a] for a in kept]
    values = (rising[kept] / weight[kept]).round(4).tolist()
    shares = (weight[kept] / weight.max()).round(4).tolist()
    return LearnedTarget(
        dict(zip(names, values, strict=True)),
        dict(zip(names, shares, strict=True)),
        len(pairs.weight),
        count,
        accuracy,
    )


def _features(scores: Floats) -> Floats:
    """(N, 2 A): what rises to the top of the scale, then what falls from the bottom."""
    return np.hstack([1 - (1 - scores) ** 2, -(scores**2)])


def _left_out(
    features: Floats, weight: Floats, fold_of: NDArray[np.intp], ridge: float
) -> tuple[float, float]:
    """Loss and accuracy on pairs of scenarios that the fit left out."""
    loss = right = 0.0
    for fold in np.unique(fold_of):
        test = fold_of == fold
        margin = features[test] @ _fit(features[~test], weight[~test], ridge)
        loss += float(weight[test] @ np.logaddexp(0, -margin))
        right += float(weight[test] @ ((margin > 1e-9) + 0.5 * (np.abs(margin) <= 1e-9)))
    return loss, right / float(weight.sum())


def _fit(features: Floats, weight: Floats, ridge: float) -> Floats:
    """Logistic regression with coefficients of at least 0, by accelerated projected gradients."""
    total = float(weight.sum())
    share = weight / total
    penalty = ridge / total
    top = np.linalg.eigvalsh((features * share[:, None]).T @ features).max(initial=0.0)
    step = 1 / (0.25 * top + penalty + 1e-12)
    now = ahead = np.zeros(features.shape[1])
    pace = 1.0
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(np.clip(features @ ahead, -500, 500)))
        gradient = -(share * chance) @ features + penalty * ahead
        new = np.maximum(ahead - step * gradient, 0.0)
        next_pace = (1 + (1 + 4 * pace**2) ** 0.5) / 2
        ahead = new + (pace - 1) / next_pace * (new - now)
        now, pace = new, next_pace
    return now
