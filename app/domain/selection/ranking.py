"""From distances to a choice: the nearest candidate, its margin and its ties.

Shapes: `T` targets, `C` candidates.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.domain.arrays import Floats

TIE_TOLERANCE = 1e-9
"""Distances closer than this are equal: a tie must not hang on the last bit of a float."""


class RankedCandidate(Struct, frozen=True):
    """A candidate and how far it lies from the target."""

    index: int
    distance: float


class Selection(Struct, frozen=True):
    """The choice for one target, and how close it was."""

    ranking: tuple[RankedCandidate, ...]
    """All candidates, nearest first; equally near ones in the caller's order."""
    margin: float | None
    """Distance of the runner-up minus that of the selected; None with a single candidate."""
    ties: tuple[int, ...]
    """Other candidates that are exactly as near as the selected one."""

    @property
    def selected(self) -> RankedCandidate:
        """The candidate nearest the target; of equally near ones the first listed."""
        return self.ranking[0]


def nearest(distance: Floats) -> NDArray[np.intp]:
    """Index of the nearest candidate for each target, the first of equals: (T, C) -> (T,)."""
    limit = distance.min(axis=1, keepdims=True) + TIE_TOLERANCE
    first: NDArray[np.intp] = np.argmax(distance <= limit, axis=1)
    return first


def rank(distance: Floats) -> Selection:
    """The selection for one target from the (C,) distances of its candidates."""
    lowest = float(distance.min())
    # What ties with the nearest stands first, in the caller's order, as `nearest` has it.
    order = np.lexsort((np.where(distance <= lowest + TIE_TOLERANCE, lowest, distance),))
    ranking = tuple(RankedCandidate(int(i), float(distance[i])) for i in order)
    ties = tuple(r.index for r in ranking[1:] if r.distance <= lowest + TIE_TOLERANCE)
    margin = max(0.0, ranking[1].distance - ranking[0].distance) if len(ranking) > 1 else None
    return Selection(ranking=ranking, margin=margin, ties=ties)
