"""Examples that are the same for every question: a fixed order takes the place of similarity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.bank import LabelledScenario
from workers.retrieval.examples import Neighbour, Rows

_LENGTH_QUANTILE = 0.25
"""Short examples cost little, but the shortest of a bank are often degenerate."""


class FixedOrder:
    """`Neighbours` in an order that depends on the bank alone.

    First come scenarios whose length is near the lower quartile of the bank's. What is chosen for
    its label levels is then the same for every question, so that prompts begin alike and the
    engine's prefix cache holds their examples.
    """

    def __init__(self, scenarios: Sequence[LabelledScenario]) -> None:
        lengths = np.log1p([_length(scenario) for scenario in scenarios])
        off = np.abs(lengths - np.quantile(lengths, _LENGTH_QUANTILE, method="lower"))
        self._order = np.argsort(off, kind="stable")
        self._places = np.empty(len(scenarios), dtype=np.int64)
        self._places[self._order] = np.arange(len(scenarios))

    def nearest(self, count: int) -> list[Neighbour]:
        """Return the first `count` scenarios of the order."""
        return [self._neighbour(int(row)) for row in self._order[:count]]

    def among(self, rows: Rows, count: int | None = None) -> list[Neighbour]:
        """Return the given rows, or the first `count` of them, in the order."""
        ordered = rows[np.argsort(self._places[rows], kind="stable")][:count]
        return [self._neighbour(int(row)) for row in ordered]

    def _neighbour(self, row: int) -> Neighbour:
        return Neighbour(row, 1 - float(self._places[row]) / len(self._places))


def _length(scenario: LabelledScenario) -> int:
    return len(scenario.question) + sum(map(len, scenario.responses))
