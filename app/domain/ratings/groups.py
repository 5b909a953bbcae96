"""What retrieval needs to know about one group's ratings of a bank, in arrays."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Floats
from app.domain.ratings.measures import contrast, shrunk_stability, stability
from app.domain.ratings.people import by_class, by_response
from app.domain.ratings.table import Bools, Ints, RatingTable

FLAT = 0.125
"""Part of the scale's width. If a group's means of all responses are nearer to each other, the
scenario is flat: it shows no preference. Half a point of five."""


@dataclass(frozen=True)
class GroupRatings:
    """A group's ratings of a bank's scenarios. Shapes: s scenarios, p people, c classes."""

    group: str
    people: Floats
    """(s, p, c) ratings by response class, NaN where there are none"""
    means: Floats
    """(s, c) the group's mean"""
    stability: Floats
    """(s,) equation 3; NaN with fewer than two raters"""
    contrast: Floats
    """(s,) equation 5; NaN without a person who rated two responses"""
    disagreement: Floats
    """(s,) variance between raters, shrunk for few of them"""
    appropriateness: Floats
    """(s, responses) the group's mean rating of each response, on [0, 1]"""
    flat: Bools
    """(s,) no preference among the responses"""
    width: float
    """Of the scale."""

    @property
    def rated(self) -> Bools:
        """(s,) scenarios with any rating of the group"""
        return np.asarray(~np.isnan(self.appropriateness).all(axis=1))

    @property
    def comparable(self) -> bool:
        """Whether responses have classes, without which scenarios' ratings do not correspond."""
        return self.means.shape[1] > 0 and bool((~np.isnan(self.means)).any())

    def expected(self, without: Ints) -> Floats:
        """The rating (c,) to expect of a response of each class, from all scenarios but some."""
        kept = np.ones(len(self.means), dtype=bool)
        kept[without] = False
        return _nanmean(self.means[kept], 0)


def group_ratings(table: RatingTable, group: str) -> GroupRatings:
    """Arrange a group's ratings. Raises `ValueError` if the group is unknown."""
    own = table.of_group(group)
    responses = by_response(own)
    people = by_class(own)
    low, high = table.scale
    each = _nanmean(responses, 1)
    spread = np.nan_to_num(np.nanmax(_known(each), axis=1) - np.nanmin(_known(each), axis=1))
    return GroupRatings(
        group=group,
        people=people,
        means=_nanmean(people, 1),
        stability=stability(responses),
        contrast=contrast(responses),
        disagreement=-shrunk_stability(responses),
        appropriateness=(each - low) / (high - low),
        flat=spread < FLAT * (high - low),
        width=high - low,
    )


def _known(values: Floats) -> Floats:
    """Values with rows of zeros in place of rows without any."""
    return np.where(np.isnan(values).all(axis=1, keepdims=True), 0.0, values)


def _nanmean(values: Floats, axis: int) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of empty slices, whose mean is NaN
        return np.asarray(np.nanmean(values, axis=axis))
