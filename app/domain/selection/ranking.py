"""Rank candidates by distance: the nearest candidate, its margin and its ties. Pure.

Shapes: `T` targets, `C` candidates.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.domain.arrays import Floats

TIE_TOLERANCE = 1e-9
"""Distances that differ by less count as equal: ties must not depend on rounding errors."""


class RankedCandidate(Struct, frozen=True):
    """A candidate and its distance from the target."""

    index: int
    distance: float


class Selection(Struct, frozen=True):
    """The ranking of the candidates for one target."""

    ranking: tuple[RankedCandidate, ...]
    """All candidates, nearest first; ties in the caller's order."""
    margin: float | None
    """Distance of the runner-up minus distance of the selected; None with a single candidate."""
    ties: tuple[int, ...]
    """Other candidates at the same distance as the selected one."""

    @property
    def selected(self) -> RankedCandidate:
        """The candidate nearest to the target; the first in the caller's order if several tie."""
        return self.ranking[0]


def nearest(distance: Floats) -> NDArray[np.intp]:
    """Index of the nearest candidate for each target, the first of ties: (T, C) -> (T,)."""
    limit = distance.min(axis=1, keepdims=True) + TIE_TOLERANCE
    first: NDArray[np.intp] = np.argmax(distance <= limit, axis=1)
    return first


def rank(distance: Floats) -> Selection:
    """Rank candidates for one target by their distances (C,)."""
    values: list[float] = distance.tolist()  # few: faster than in arrays
    limit = min(values) + TIE_TOLERANCE
    # Candidates tied for nearest come first, in the caller's order, consistent with `nearest`.
    order = sorted(range(len(values)), key=lambda i: values[i] if values[i] > limit else -1.0)
    ranking = tuple(RankedCandidate(i, values[i]) for i in order)
    ties = tuple(r.index for r in ranking[1:] if r.distance <= limit)
    margin = max(0.0, ranking[1].distance - ranking[0].distance) if len(ranking) > 1 else None
    return Selection(ranking=ranking, margin=margin, ties=ties)
