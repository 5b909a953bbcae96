"""Scores against labels: errors, correlation, order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from app.domain.selection.ranking import TIE_TOLERANCE
from scripts.benchmark.measures.estimates import Floats, Ratio
from scripts.benchmark.records.results import (
    ScenarioResult,
)


class AttributeQuality(Struct, frozen=True):
    """How well the scores of one attribute agree with its labels."""

    attribute: str
    labels: int
    """Candidates with a label, in scenarios that did not fail."""
    absolute_error: Ratio
    """Mean of |score - label| over candidates."""
    correlation: float | None
    """Spearman's rank correlation over all candidates; None when either side is constant."""
    pairwise: Ratio
    """Share of pairs of candidates of one scenario with different labels that the scores put in the
    right order; equal scores count a half."""
    tied: Ratio
    """Share of scenarios in which at least two candidates have the same score."""
    unscored: dict[str, int]
    """Reason -> scenarios that label the attribute but have no scores for it."""


def attribute_quality(scenarios: Sequence[ScenarioResult], attribute: str) -> AttributeQuality:
    """Compare the scores of an attribute with its labels, where a candidate has both."""
    labelled = 0
    reasons: Counter[str] = Counter()
    pairs: list[tuple[Floats, Floats]] = []
    for scenario in scenarios:
        has = [i for i, label in enumerate(scenario.labels) if attribute in label]
        labelled += len(has)
        scores = scenario.scores.get(attribute)
        if has and scores is not None:
            labels = np.array([scenario.labels[i][attribute] for i in has])
            pairs.append((labels, np.array([scores[i] for i in has])))
        elif has and attribute in scenario.unscored:
            reasons[scenario.unscored[attribute]] += 1
    orders = [_pair_order(labels, scores) for labels, scores in pairs]
    return AttributeQuality(
        attribute=attribute,
        labels=labelled,
        absolute_error=Ratio.of(
            [float(np.abs(scores - labels).sum()) for labels, scores in pairs],
            [len(labels) for labels, _ in pairs],
        ),
        correlation=spearman(
            np.concatenate([labels for labels, _ in pairs] or [np.zeros(0)]),
            np.concatenate([scores for _, scores in pairs] or [np.zeros(0)]),
        ),
        pairwise=Ratio.of([right for right, _ in orders], [count for _, count in orders]),
        tied=Ratio.of(
            [float((np.diff(np.sort(scores)) <= TIE_TOLERANCE).any()) for _, scores in pairs],
            [int(len(scores) > 1) for _, scores in pairs],
        ),
        unscored=dict(sorted(reasons.items())),
    )


def _pair_order(labels: Floats, scores: Floats) -> tuple[float, int]:
    """Pairs of candidates in the right order (ties of scores a half), and pairs with an order."""
    left, right = np.triu_indices(len(labels), k=1)
    wanted = _sign(labels[left] - labels[right])
    got = _sign(scores[left] - scores[right])
    ordered = wanted != 0
    return float((0.5 + 0.5 * wanted * got)[ordered].sum()), int(ordered.sum())


def _sign(difference: Floats) -> Floats:
    """-1, 0 or 1, with 0 for values that are equal up to rounding."""
    return np.where(np.abs(difference) <= TIE_TOLERANCE, 0.0, np.sign(difference))


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values getting the mean of their ranks: (N,) -> (N,)."""
    _, place, counts = np.unique(values.round(9), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


def spearman(a: Floats, b: Floats) -> float | None:
    """Spearman's rank correlation of two (N,) arrays; None when one of them is constant."""
    if len(a) < 2:
        return None
    x, y = average_ranks(a), average_ranks(b)
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale else None


def unscored_reasons(scenarios: Iterable[ScenarioResult]) -> dict[str, int]:
    """Reason -> cells without a score or choice, over all attributes."""
    return dict(sorted(Counter(r for s in scenarios for r in s.unscored.values()).items()))
