"""Menus of two or three candidates that together please most people; polarisation. Pure.

Shapes: `N` people, `C` candidates, `K` classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats

_MOST_NUMBERS = 20_000_000
"""People x menus that are compared; for more, candidates are added one by one."""
PLEASED = 0.75
"""Place on the scale, from 0 to 1, from which a person counts as pleased."""
_END = 0.375
"""Share of the scale at each end that counts as against or in favour: 1 to 2.5 of 1 to 5."""
_MANY = 0.2
"""Share of people at both ends from which a class is polarised."""


@dataclass(frozen=True)
class Menu:
    """Candidates of which everybody takes the best for them."""

    candidates: tuple[int, ...]
    expected: float
    """Mean over people of the best expected rating in the menu."""
    single: float
    """The same for the best single candidate."""
    pleased: float
    """Share of people who expect at least three quarters of the scale of something in the menu."""
    single_pleased: float


@dataclass(frozen=True)
class Polarisation:
    """How people's expected ratings of a class lie apart."""

    against: float
    """Share of people in the lowest three eighths of the scale."""
    favour: float
    """Share of people in the highest three eighths."""
    deviation: float
    """Standard deviation between people, in rating points."""

    @property
    def polarised(self) -> bool:
        """Whether many people are at each end."""
        return min(self.against, self.favour) >= _MANY


def best_menu(expected: Floats, size: int, scale: tuple[float, float]) -> Menu:
    """The menu with the highest mean over people of the best expected rating: (N, C) -> menu.

    All menus are compared where that is feasible. Otherwise candidates are added one by one, which
    is at least 63 % as good, because each candidate adds less to a larger menu. Of menus alike the
    first counts. A menu is no larger than the number of candidates.
    """
    people, count = expected.shape
    size = min(size, count)
    if people * comb(count, size) <= _MOST_NUMBERS:
        menus: Iterable[tuple[int, ...]] = combinations(range(count), size)
        chosen = max(menus, key=lambda menu: expected[:, menu].max(axis=1).sum().round(9))
    else:
        chosen = _greedy(expected, size)
    best = expected[:, chosen].max(axis=1)
    alone = expected[:, int(expected.mean(axis=0).argmax())]
    low, high = scale
    enough = low + PLEASED * (high - low)
    return Menu(
        tuple(chosen),
        float(best.mean()),
        float(alone.mean()),
        float((best >= enough).mean()),
        float((alone >= enough).mean()),
    )


def _greedy(expected: Floats, size: int) -> tuple[int, ...]:
    best = np.full(len(expected), -np.inf)
    chosen: list[int] = []
    for _ in range(size):
        gains = np.maximum(best[:, None], expected).sum(axis=0)
        gains[chosen] = -np.inf
        chosen.append(int(gains.argmax()))
        best = np.maximum(best, expected[:, chosen[-1]])
    return tuple(sorted(chosen))


def polarisation(
    expected: Floats, between: Floats, scale: tuple[float, float]
) -> list[Polarisation]:
    """One for each class: expected ratings of people (N, K), and S_b (K, K)."""
    low, high = scale
    place = (expected - low) / (high - low)
    deviation = np.sqrt(np.diag(between))
    return [
        Polarisation(
            float((place[:, k] <= _END).mean()) if len(place) else 0.0,
            float((place[:, k] >= 1 - _END).mean()) if len(place) else 0.0,
            float(deviation[k]),
        )
        for k in range(expected.shape[1])
    ]


def polarised_classes(of: list[Polarisation]) -> NDArray[np.intp]:
    """Numbers of the classes that are polarised."""
    return np.flatnonzero([one.polarised for one in of])
