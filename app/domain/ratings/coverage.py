"""What ratings a bank has, for each group."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from app.domain.arrays import Floats
from app.domain.bank import Bank
from app.domain.rating_records import RatingScale
from app.domain.ratings.measures import agreement, contrast, stability
from app.domain.ratings.people import by_response
from app.domain.ratings.table import RatingTable, rating_table


class MeanMeasure(Struct, frozen=True):
    """The mean of a measure over the scenarios that have it."""

    mean: float
    scenarios: int


class GroupCoverage(Struct, frozen=True):
    """A group's ratings."""

    raters: int
    ratings: int
    scenarios: int
    """Scenarios with any rating of the group."""
    agreement: float | None
    """Krippendorff's alpha: 1 if raters of the same response agree, 0 if they differ as much as
    raters of different responses; null if no response has two ratings."""
    stability: MeanMeasure | None
    """Mean of equation 3 of SPICA's paper over scenarios with two raters; null if there is none."""
    contrast: MeanMeasure | None
    """Mean of equation 5 over scenarios in which a person rated two responses."""


class RatingCoverage(Struct, frozen=True):
    """A bank's ratings."""

    scale: RatingScale
    response_classes: dict[str, str]
    """Response class -> its instruction; empty if there is none."""
    raters: int
    ratings: int
    groups: dict[str, GroupCoverage]


def rating_coverage(bank: Bank) -> RatingCoverage | None:
    """Describe the ratings of a bank; None if it has none, or no scale for them."""
    if bank.setup.rating_scale is None:
        return None
    table = rating_table(bank)
    if not len(table):
        return None
    return RatingCoverage(
        scale=bank.setup.rating_scale,
        response_classes={
            name: bank.setup.response_classes.get(name, "") for name in table.classes
        },
        raters=len(table.raters),
        ratings=len(table),
        groups={group: _group(table.of_group(group).rated_only()) for group in table.groups},
    )


def _group(own: RatingTable) -> GroupCoverage:
    people = by_response(own)
    alpha = agreement(own)
    return GroupCoverage(
        raters=len(np.unique(own.rater)),
        ratings=len(own),
        scenarios=len(own.scenarios),
        agreement=None if alpha is None else round(alpha, 4),
        stability=_mean(stability(people)),
        contrast=_mean(contrast(people)),
    )


def _mean(measure: Floats) -> MeanMeasure | None:
    known = measure[~np.isnan(measure)]
    return MeanMeasure(round(float(known.mean()), 4), len(known)) if len(known) else None
