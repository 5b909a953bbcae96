"""Targets that are distributions of values, from a group's decisions (ALIGN's alignment). Pure.

A distribution is the density of its values: a normal kernel around each, reflected at 0 and 1, on a
grid of `GRID` scores. What a score adds to the distance is tabulated on the same grid as a curve,
because it depends on nothing but the score: any number of candidates then costs a look-up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from msgspec import Struct

from app.domain.arrays import Floats

GRID = 101
"""Scores 0, 0.01 … 1."""
_PLACES = np.linspace(0.0, 1.0, GRID)
LEAST_BANDWIDTH = 0.05
"""A single decision does not fix a value to the last digit."""
_LEAST_DENSITY = 1e-6
"""Density, per unit of the score, below which all scores are alike unlikely."""

DistributionMetric = Literal["likelihood", "jensen_shannon"]
DISTRIBUTION_METRICS: tuple[DistributionMetric, ...] = get_args(DistributionMetric)


class Decisions(Struct, frozen=True):
    """A wish for the values that past decisions had, as they are distributed."""

    values: tuple[float, ...]
    """In [0, 1]."""


class Uniform(Struct, frozen=True):
    """Any value within bounds."""

    low: float
    high: float


def bandwidth(values: Sequence[float]) -> float:
    """Silverman's: 0.9 min(s, IQR / 1.34) n^(-1/5), at least `LEAST_BANDWIDTH`."""
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2:
        return LEAST_BANDWIDTH
    low, high = np.quantile(array, [0.25, 0.75])
    spreads = [float(array.std(ddof=1)), float(high - low) / 1.34]
    narrow = min((s for s in spreads if s > 0), default=0.0)
    return max(LEAST_BANDWIDTH, 0.9 * narrow * math.pow(len(array), -0.2))


def density(of: Decisions | Uniform) -> Floats:
    """Shares of the grid's scores, adding up to 1: (GRID,)."""
    if isinstance(of, Uniform):
        inside = (of.low - 1e-9 <= _PLACES) & (of.high + 1e-9 >= _PLACES)
        if not inside.any():  # bounds between two scores of the grid
            inside[round((of.low + of.high) / 2 * (GRID - 1))] = True
        return np.asarray(inside / inside.sum())
    return np.asarray(_kernels(np.asarray(of.values), bandwidth(of.values)).mean(axis=0))


def draw(of: Decisions, source: np.random.Generator) -> float:
    """A value drawn from the density."""
    centre = of.values[int(source.integers(len(of.values)))]
    value = centre + bandwidth(of.values) * float(source.standard_normal())
    folded = math.fmod(abs(value), 2.0)
    return 2.0 - folded if folded > 1 else folded


def drawn(targets: Sequence[Mapping[str, object]], seed: int) -> list[dict[str, float]]:
    """For each target, attribute -> the value drawn from its distribution.

    The same seed gives the same draws; each target of a list has its own.
    """
    draws: list[dict[str, float]] = []
    for number, target in enumerate(targets):
        source = np.random.default_rng([seed, number])
        draws.append(
            {name: draw(w, source) for name, w in target.items() if isinstance(w, Decisions)}
        )
    return draws


def curve(
    of: Decisions | Uniform, metric: DistributionMetric, history: Sequence[float] = ()
) -> Floats:
    """What each score of the grid adds to the distance: (GRID,), not negative.

    - likelihood: log of the highest density less log of the density at the score (maximum
      likelihood);
    - jensen_shannon: the Jensen-Shannon divergence, to base 2, of the target's distribution and
      that of the choices so far: the scores in `history`, and this one (cumulative alignment). It
      lies in [0, 1].
    """
    wanted = density(of)
    if metric == "likelihood":
        logs = np.log(np.maximum(wanted * (GRID - 1), _LEAST_DENSITY))
        return np.asarray(logs.max() - logs)
    width = bandwidth(of.values) if isinstance(of, Decisions) else LEAST_BANDWIDTH
    reached = _kernels(_PLACES, width)
    if len(history):
        before = _kernels(np.asarray(history, dtype=np.float64), width).sum(axis=0)
        reached = (before + reached) / (len(history) + 1)
    return np.maximum(jensen_shannon(wanted, reached), 0.0)


def jensen_shannon(first: Floats, second: Floats) -> Floats:
    """Divergence of distributions over the last axis, to base 2."""
    middle = (first + second) / 2
    return np.asarray(_entropy(middle) - (_entropy(first) + _entropy(second)) / 2)


def look_up(curves: Floats, scores: Floats) -> Floats:
    """Values of curves (T, GRID) at scores (C,), in between linear: (T, C)."""
    place = np.clip(scores, 0.0, 1.0) * (GRID - 1)
    low = np.minimum(place.astype(np.int64), GRID - 2)
    share = place - low
    return np.asarray(curves[:, low] * (1 - share) + curves[:, low + 1] * share)


def _kernels(values: Floats, width: float) -> Floats:
    """The density of each value alone: (N,) -> (N, GRID), rows adding up to 1."""
    total = np.zeros((len(values), GRID))
    for centre in (values, -values, 2.0 - values):  # reflected at both ends
        total += np.exp(-0.5 * ((_PLACES - centre[:, None]) / width) ** 2)
    return np.asarray(total / total.sum(axis=1, keepdims=True))


def _entropy(shares: Floats) -> Floats:
    logs = np.log2(np.where(shares > 0, shares, 1.0))
    return np.asarray(-(shares * logs).sum(axis=-1))
