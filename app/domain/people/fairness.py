"""One choice for several groups, and who loses what by it. Pure.

Shapes: `G` groups, `C` candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.selection.ranking import TIE_TOLERANCE

Fairness = Literal["maximin", "utilitarian", "nash", "least_regret"]
FAIRNESS: tuple[Fairness, ...] = get_args(Fairness)
_LEAST_GAIN = 1e-3
"""Share of the scale that Nash's product counts for a group that expects the lowest rating."""


@dataclass(frozen=True)
class FairChoice:
    """One candidate for all groups."""

    rule: Fairness
    candidate: int
    value: float
    """What the rule makes as large as possible (least_regret: the largest regret, made small)."""
    expected: Floats
    """(G,) what each group expects of it"""
    regret: Floats
    """(G,) how much less that is than what the group expects of its own choice"""
    ties: tuple[int, ...]
    """Other candidates that the rule values alike."""


def own_choices(expected: Floats) -> NDArray[np.intp]:
    """(G,), the candidate of which each group expects most; the first one of several."""
    best = expected.max(axis=1, keepdims=True)
    return np.asarray((expected >= best - TIE_TOLERANCE).argmax(axis=1))


def regrets(expected: Floats) -> Floats:
    """(G, C), how much less a group expects than of its own choice."""
    return np.asarray(expected.max(axis=1, keepdims=True) - expected)


def values(
    expected: Floats, rule: Fairness, scale: tuple[float, float], weights: Floats | None = None
) -> Floats:
    """What a rule gives each candidate, more is better: (G, C) -> (C,).

    maximin: the lowest expected rating. utilitarian: the mean, groups weighted by `weights` (G,).
    nash: the weighted mean of log(expected - lowest rating of the scale), so that a group with
    little gains more by a point. least_regret: minus the largest regret.
    """
    if rule == "maximin":
        return np.asarray(expected.min(axis=0))
    if rule == "least_regret":
        return np.asarray(-regrets(expected).max(axis=0))
    share = np.ones(len(expected)) if weights is None else weights
    share = share / share.sum()
    if rule == "utilitarian":
        return np.asarray(share @ expected)
    low, high = scale
    gain = np.maximum((expected - low) / (high - low), _LEAST_GAIN)
    return np.asarray(share @ np.log(gain))


def fair_choice(
    expected: Floats, rule: Fairness, scale: tuple[float, float], weights: Floats | None = None
) -> FairChoice:
    """The candidate that a rule chooses; of several alike that with the highest mean, then the
    first in the caller's order."""
    value = values(expected, rule, scale, weights)
    alike = np.flatnonzero(value >= value.max() - TIE_TOLERANCE)
    mean = values(expected, "utilitarian", scale, weights)[alike]
    chosen = int(alike[(mean >= mean.max() - TIE_TOLERANCE).argmax()])
    shown = -value[chosen] if rule == "least_regret" else value[chosen]
    return FairChoice(
        rule,
        chosen,
        float(shown),
        np.asarray(expected[:, chosen]),
        np.asarray(regrets(expected)[:, chosen]),
        tuple(int(one) for one in alike if one != chosen),
    )
