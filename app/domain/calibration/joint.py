"""The joint opinion: a linear model of all layers and the surface features. Pure. Shapes as in
`states`.

A choice depends on the differences between candidates. A regression of single candidates confuses
them with the differences between questions, so there are two: one of how a candidate differs from
its scenario's mean, and one of that mean. Their sum is the expected label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats

Singles = NDArray[np.float32]
Indices = NDArray[np.intp]

_SURFACE_SHARE = 0.5
"""Weight of all surface features against all states, before anything is learnt."""
_BOUND = 3.0
"""Standard deviations up to which a surface feature counts: a text that is one long line is far
from all others, and a linear model would make much of it."""


@dataclass(frozen=True, slots=True)
class JointOpinion:
    """Expects `k` labels from surface features and standardised states."""

    center: Singles
    """(F,), mean of the surface features."""
    scale: Singles
    """(F,), their standard deviation."""
    within: Singles
    """(F + L * D, k), for the difference from the scenario's mean."""
    between: Singles
    """(F + L * D, k), for the scenario's mean."""
    intercept: Singles
    """(k,)"""

    def predict(self, surface: Floats, standard: Floats, scenario: Indices) -> Floats:
        """(R, F), (R, L, D), (R,) -> (R, k), in [0, 1]."""
        inputs = joint_inputs(surface, self.center, self.scale, standard)
        mean = scenario_means(inputs, scenario)
        total = (inputs - mean) @ self.within + mean @ self.between + self.intercept
        return np.asarray(np.clip(total, 0.0, 1.0))


def joint_inputs(
    surface: Floats, center: Floats | Singles, scale: Floats | Singles, standard: Floats
) -> Floats:
    """Surface features, bounded and weighted, and states: (R, F + L * D)."""
    states = standard.reshape(len(standard), -1)
    weight = math.sqrt(_SURFACE_SHARE * states.shape[1] / max(1, surface.shape[1]))
    bounded = np.clip((surface - center) / scale, -_BOUND, _BOUND)
    return np.hstack([weight * bounded, states])


def others_mean(values: Floats, scenario: Indices) -> Floats:
    """Mean of the other candidates of the same scenario; the row itself where it is alone."""
    sums, counts = _sums(values, scenario)
    others = counts - 1
    return np.where(others > 0, (sums - values) / np.maximum(others, 1), values)


def scenario_means(values: Floats, scenario: Indices) -> Floats:
    """Mean of all candidates of the row's scenario: (R, K) -> (R, K)."""
    sums, counts = _sums(values, scenario)
    return np.asarray(sums / counts)


def _sums(values: Floats, scenario: Indices) -> tuple[Floats, Floats]:
    """Each row's sum over its scenario, (R, K), and the number of candidates there, (R, 1)."""
    number = np.unique(scenario, return_inverse=True)[1].reshape(-1)
    sums = np.zeros((int(number.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, number, values)
    counts: Floats = np.bincount(number)[number][:, None].astype(np.float64)
    return sums[number], counts
