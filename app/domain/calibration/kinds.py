"""Kinds of scenarios in one calibration: which of several models a scenario is for. Pure.

People rate a short everyday answer on another scale than a long essay: 300 characters are wordy as
an answer to "how many cups are in a litre", and terse as a research plan. One model of both learns
neither scale. A calibration that was fitted on several banks therefore has a model for each, and a
gate that tells from a scenario's surface features how much it is like each bank's scenarios (a
mixture of experts, Jacobs et al. 1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats

_BOUND = 4.0
"""Standard deviations up to which a feature counts, so that one odd feature decides nothing."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A softmax regression of a scenario's mean surface features, for `N` kinds."""

    center: NDArray[np.float32]
    """(F,)"""
    scale: NDArray[np.float32]
    """(F,)"""
    coefficients: NDArray[np.float32]
    """(F, N)"""
    intercept: NDArray[np.float32]
    """(N,)"""

    def shares(self, surface: Floats) -> Floats:
        """How much a scenario (C, F) is of each kind: (N,), with sum 1."""
        inputs = gate_inputs(surface, self.center, self.scale)
        logits = inputs @ self.coefficients + self.intercept
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum(), dtype=np.float64)


def gate_inputs(surface: Floats, center: NDArray[np.float32], scale: NDArray[np.float32]) -> Floats:
    """What a gate reads of a scenario: (C, F) -> (F,)."""
    return np.asarray(np.clip((surface.mean(axis=0) - center) / scale, -_BOUND, _BOUND))
