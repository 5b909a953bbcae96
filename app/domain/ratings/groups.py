"""What retrieval needs to know about one group's ratings of a bank, in arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from msgspec.structs import replace

from app.domain.arrays import Floats
from app.domain.bank import LabelledScenario
from app.domain.ratings.measures import contrast, shrunk_stability, stability
from app.domain.ratings.people import by_class, by_response
from app.domain.ratings.table import Bools, Ints, RatingTable

APPROPRIATENESS = "appropriateness"
"""The attribute whose labels are a group's ratings: its mean rating of a response, on [0, 1]."""
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

    @cached_property
    def rated(self) -> Bools:
        """(s,) scenarios with any rating of the group"""
        return np.asarray(~np.isnan(self.appropriateness).all(axis=1))

    @property
    def comparable(self) -> bool:
        """Whether responses have classes, without which scenarios' ratings do not correspond."""
        return self.means.shape[1] > 0 and bool((~np.isnan(self.means)).any())

    def expected(self, without: Ints) -> Floats:
        """The rating (c,) to expect of a response of each class, from all scenarios but some.

        NaN for a class that no other scenario has.
        """
        total, count = self._sums
        left_out = self.means[without]
        total = total - np.nan_to_num(left_out).sum(axis=0)
        count = count - (~np.isnan(left_out)).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(count > 0, total / count, np.nan))

    @cached_property
    def _sums(self) -> tuple[Floats, Ints]:
        """Sum and number of the means of each class."""
        return np.nan_to_num(self.means).sum(axis=0), (~np.isnan(self.means)).sum(axis=0)


def labelled_by(
    ratings: GroupRatings, scenarios: Sequence[LabelledScenario]
) -> list[LabelledScenario]:
    """The bank's scenarios with the group's mean ratings as labels for `APPROPRIATENESS`.

    Labels on other attributes stay. Responses that the group has not rated have no label.
    """
    known = ~np.isnan(ratings.appropriateness)
    labelled: list[LabelledScenario] = []
    for row, one in enumerate(scenarios):
        labels = []
        for place in range(len(one.responses)):
            own = {**one.labels[place]} if one.labels else {}
            own.pop(APPROPRIATENESS, None)
            if known[row, place]:
                own[APPROPRIATENESS] = round(float(ratings.appropriateness[row, place]), 4)
            labels.append(own)
        labelled.append(replace(one, labels=tuple(labels)))
    return labelled


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
