"""Calibration of probabilities: how often selections are correct, by their probability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scripts.benchmark.measures.outcomes import CORRECT, pairs_of
from scripts.benchmark.records.results import ScenarioResult, TargetSet

DECILES = 10
ABSTAINING = 0.2
"""Share of the pairs, those with the lowest probabilities, that abstaining drops."""


class Decile(Struct, frozen=True):
    """Pairs with similar probabilities."""

    probability: float
    """Mean probability of their selections."""
    correct: float
    """Share of them that is correct."""
    error: float
    """Standard error of the difference of the two, over scenarios."""
    pairs: int

    @property
    def gap(self) -> float:
        """Probability minus observed share; positive if the probability is too high."""
        return self.probability - self.correct


class Certainty(Struct, frozen=True):
    """Probabilities of selections against what is correct, on one target set."""

    deciles: tuple[Decile, ...]
    """By increasing probability."""
    pairs: int
    correct: float
    """Share correct of all pairs that have a probability."""
    correct_of_likeliest: float
    """The same without the fifth with the lowest probabilities."""

    @property
    def worst(self) -> float:
        """Largest gap of any decile, without its sign."""
        return max(abs(decile.gap) for decile in self.deciles)


def certainty(scenarios: Sequence[ScenarioResult], target_set: TargetSet) -> Certainty | None:
    """Compare probabilities with outcomes; None where too few pairs have a probability.

    Pairs that are in no accuracy (ties, nothing selected) are left out.
    """
    outcomes = pairs_of(scenarios, target_set).outcomes
    nothing = (None,) * outcomes.shape[1]
    chances = np.array(
        [
            [np.nan if c is None else c for c in scenario.chances.get(target_set.name) or nothing]
            for scenario in scenarios
        ],
        dtype=np.float64,
    ).reshape(outcomes.shape)
    rows, _ = np.nonzero((outcomes >= 0) & ~np.isnan(chances))
    counts = (outcomes >= 0) & ~np.isnan(chances)
    chance, correct = chances[counts], (outcomes[counts] == CORRECT).astype(np.float64)
    if len(chance) < DECILES:
        return None
    order = np.argsort(chance, kind="stable")
    kept = order[int(ABSTAINING * len(order)) :]
    return Certainty(
        deciles=tuple(
            _decile(chance[part], correct[part], rows[part])
            for part in np.array_split(order, DECILES)
        ),
        pairs=len(chance),
        correct=float(correct.mean()),
        correct_of_likeliest=float(correct[kept].mean()),
    )


def _decile(
    chance: NDArray[np.float64], correct: NDArray[np.float64], scenario: NDArray[np.intp]
) -> Decile:
    gaps = np.bincount(scenario, chance - correct)
    size = np.bincount(scenario)
    mean = float((chance - correct).mean())
    # Pairs of one scenario go together: its gaps count as one draw.
    error = float(np.sqrt(np.square(gaps - mean * size).sum())) / len(chance)
    return Decile(float(chance.mean()), float(correct.mean()), error, len(chance))
