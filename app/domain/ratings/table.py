"""The ratings of a bank as arrays: one row a rating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.bank import Bank, LabelledScenario
from app.domain.rating_records import RatingScale, RatingSetup

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
NO_CLASS = -1
"""In `RatingTable.response_class`: a response without a class, or a place without a response."""


@dataclass(frozen=True)
class RatingTable:
    """Ratings of responses. Rows are in the order of scenarios and, within one, of its ratings."""

    scenario: Ints
    """(n,) place in `scenarios`"""
    response: Ints
    """(n,) place of the response in its scenario"""
    rater: Ints
    """(n,) place in `raters`"""
    value: Floats
    """(n,) rating, within `scale`"""
    scenarios: tuple[str, ...]
    """Ids, in the order of the bank."""
    raters: tuple[str, ...]
    """Sorted."""
    groups: tuple[str, ...]
    """Sorted."""
    membership: Bools
    """(raters, groups) whether the rater belongs to the group"""
    classes: tuple[str, ...]
    """Response classes: those that the bank describes, in its order, then others."""
    response_class: Ints
    """(scenarios, most responses) place in `classes`, `NO_CLASS` where there is none"""
    scale: tuple[float, float]
    """The lowest and the highest rating that could be given."""

    def __len__(self) -> int:
        return len(self.value)

    @cached_property
    def unit(self) -> Floats:
        """(n,) ratings on [0, 1]"""
        low, high = self.scale
        return (self.value - low) / (high - low)

    @cached_property
    def rated_class(self) -> Ints:
        """(n,) class of the rated response, `NO_CLASS` where it has none"""
        return self.response_class[self.scenario, self.response]

    def rows(self, chosen: Bools | Ints) -> RatingTable:
        """The table with some of its rows; scenarios, raters and groups keep their places."""
        return replace(
            self,
            scenario=self.scenario[chosen],
            response=self.response[chosen],
            rater=self.rater[chosen],
            value=self.value[chosen],
        )

    def rated_only(self) -> RatingTable:
        """The table with only those scenarios that have a rating."""
        kept, scenario = np.unique(self.scenario, return_inverse=True)
        return replace(
            self,
            scenario=scenario,
            scenarios=tuple(self.scenarios[place] for place in kept),
            response_class=self.response_class[kept],
        )

    def in_group(self, group: str) -> Bools:
        """(n,) which rows are of raters of a group. Raises `ValueError` if it is unknown."""
        if group not in self.groups:
            raise ValueError(f"no rater is in group {group!r}; known: {', '.join(self.groups)}")
        of_group: Bools = self.membership[self.rater, self.groups.index(group)]
        return of_group

    def of_group(self, group: str) -> RatingTable:
        """The ratings of a group. Raises `ValueError` if it is unknown."""
        return self.rows(self.in_group(group))


def rating_table(bank: Bank) -> RatingTable:
    """The ratings of a bank. Raises `ValueError` if it has ratings but no scale."""
    return table_of(bank.scenarios, bank.setup)


def table_of(scenarios: Sequence[LabelledScenario], setup: RatingSetup) -> RatingTable:
    """The ratings of some checked scenarios. Raises `ValueError` if there is no scale."""
    scale = setup.rating_scale
    if scale is None:
        if any(one.ratings for one in scenarios):
            raise ValueError("the bank has ratings, but no rating_scale")
        scale = RatingScale(0.0, 1.0)
    rows = [
        (place, int(rating.response), rating.rater, rating.rating)
        for place, one in enumerate(scenarios)
        for rating in one.ratings or ()
    ]
    groups_of = _groups_of(scenarios)
    raters = {name: place for place, name in enumerate(sorted(groups_of))}
    groups = sorted({group for some in groups_of.values() for group in some})
    membership = np.zeros((len(raters), len(groups)), dtype=bool)
    for rater, place in raters.items():
        membership[place, [groups.index(group) for group in groups_of[rater]]] = True
    classes = _classes(scenarios, setup)
    return RatingTable(
        scenario=np.array([row[0] for row in rows], dtype=np.int64),
        response=np.array([row[1] for row in rows], dtype=np.int64),
        rater=np.array([raters[row[2]] for row in rows], dtype=np.int64),
        value=np.array([row[3] for row in rows], dtype=np.float64),
        scenarios=tuple(one.id for one in scenarios),
        raters=tuple(raters),
        groups=tuple(groups),
        membership=membership,
        classes=tuple(classes),
        response_class=_response_class(scenarios, classes),
        scale=(scale.low, scale.high),
    )


def _groups_of(scenarios: Sequence[LabelledScenario]) -> dict[str, set[str]]:
    """Rater -> all groups that any of the ratings names."""
    groups: dict[str, set[str]] = {}
    for one in scenarios:
        for rating in one.ratings or ():
            groups.setdefault(rating.rater, set()).update(rating.all_groups)
    return groups


def _classes(scenarios: Sequence[LabelledScenario], setup: RatingSetup) -> dict[str, int]:
    used = {name for one in scenarios for name in one.response_classes if name is not None}
    names = [*setup.response_classes, *sorted(used - setup.response_classes.keys())]
    return {name: place for place, name in enumerate(names)}


def _response_class(scenarios: Sequence[LabelledScenario], classes: Mapping[str, int]) -> Ints:
    widest = max((len(one.responses) for one in scenarios), default=0)
    places = np.full((len(scenarios), widest), NO_CLASS, dtype=np.int64)
    for row, one in enumerate(scenarios):
        for place, name in enumerate(one.response_classes):
            if name is not None:
                places[row, place] = classes[name]
    return places
