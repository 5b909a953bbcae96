"""A bank's ratings, fitted: who is expected to give what, with intervals. Pure.

Shapes: `K` classes, `P` people, `G` groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.people.estimates import Estimate, Groups, everyone, groups_of, of_people, of_person
from app.domain.people.spread import Spread, spread_of
from app.domain.people.visits import Visits, classes_of, visits_of
from app.domain.ratings.table import RatingTable

COVERAGE = 0.8
"""Share of ratings that intervals are made to cover."""
NORMAL_QUANTILE = 1.2815515655446004
"""The 90 % quantile of the normal distribution: ends of a central 80 % interval."""
_ENOUGH = 100
"""Fewer left-out ratings of a class than this say little about its quantiles."""
_TRIED = 2000
"""Most visits that are predicted from the person's others to find quantiles."""
_OTHERS = 5
"""Visits of the same person that such a prediction uses."""


@dataclass(frozen=True)
class PeopleModel:
    """Everything that expected ratings of a bank's people and groups need."""

    classes: tuple[str, ...]
    scale: tuple[float, float]
    spread: Spread
    groups: Groups
    people: tuple[str, ...]
    visits: Visits

    @cached_property
    def quantiles(self) -> Floats:
        """(2, K), lower and upper end of an interval in standard deviations of a rating."""
        return _quantiles(_left_out(self.visits, self.spread))

    @cached_property
    def unknown_quantiles(self) -> Floats:
        """The same, for people without own ratings."""
        around = self.visits.ratings - self.spread.mean
        return _quantiles(around / everyone(self.spread).deviation)

    def interval(self, estimate: Estimate) -> Floats:
        """(2, K), ends between which `COVERAGE` of the ratings lie; within the scale."""
        quantiles = self.quantiles if estimate.own else self.unknown_quantiles
        ends = estimate.mean + quantiles * estimate.deviation
        return np.asarray(np.clip(ends, *self.scale))

    def expected(self, estimate: Estimate) -> Floats:
        """(K,) expected ratings, within the scale."""
        return np.asarray(np.clip(estimate.mean, *self.scale))

    def everyone(self) -> Estimate:
        """Of a person of whom nothing is known."""
        return everyone(self.spread)

    def group(self, number: int) -> Estimate:
        """Of one of a group."""
        return self.groups.estimate(number, self.spread)

    def person(self, own: Floats, group: int | None = None) -> Estimate:
        """Of a person with own ratings (m, K), perhaps one of a group."""
        prior = None if group is None else self.group(group)
        return of_person(self.spread, own, prior)

    def rater(self, number: int) -> Estimate:
        """Of a person of the bank."""
        return self.person(self.visits.ratings[self.visits.person == number])

    def raters(self) -> Floats:
        """(P, K), expected ratings of all people of the bank."""
        visits = self.visits
        estimates = of_people(
            self.spread, visits.ratings, visits.person, len(self.people), self.everyone()
        )
        return np.asarray(np.clip(estimates.mean, *self.scale))


def fit(table: RatingTable, kept: NDArray[np.bool_] | None = None) -> PeopleModel:
    """Fit a bank's ratings, or those of the people in `kept`: (P,)."""
    visits = visits_of(table)
    if kept is not None:
        visits = visits.of_people(kept)
    spread = spread_of(visits, table.scale)
    groups = groups_of(spread, visits.means(), table.membership, table.groups)
    return PeopleModel(
        classes=classes_of(table),
        scale=table.scale,
        spread=spread,
        groups=groups,
        people=table.raters,
        visits=visits,
    )


def coverage(visits: Visits, scale: tuple[float, float]) -> tuple[float | None, ...]:
    """For each class, the share of ratings within the interval expected from others of the person.

    Fitted on one half of the people and checked on the other, both ways. None without ratings.
    """
    half = np.arange(visits.people) % 2 == 0
    inside: list[Floats] = []
    for fitted in (half, ~half):
        known, new = visits.of_people(fitted), visits.of_people(~fitted)
        if not len(known.person) or not len(new.person):
            continue
        spread = spread_of(known, scale)
        low, high = _quantiles(_left_out(known, spread))
        errors = _left_out(new, spread)
        within = (errors >= low) & (errors <= high)
        inside.append(np.where(np.isnan(errors), np.nan, within))
    every = np.vstack([np.full((0, visits.ratings.shape[1]), np.nan), *inside])
    columns = [column[~np.isnan(column)] for column in every.T]
    return tuple(float(one.mean()) if len(one) else None for one in columns)


def _quantiles(errors: Floats) -> Floats:
    """Ends of intervals, from errors of predictions: (N, K) in standard deviations, NaN for none.

    Ratings are whole numbers near the ends of a scale, not normal: each class has its own
    quantiles, as soon as there are enough ratings to observe them.
    """
    size = errors.shape[1]
    ends = np.array([[-NORMAL_QUANTILE], [NORMAL_QUANTILE]]).repeat(size, axis=1)
    for k in range(size):
        observed = errors[~np.isnan(errors[:, k]), k]
        if len(observed) >= _ENOUGH:
            tails = [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]
            # A little wider, so that a rating on the end lies within.
            ends[:, k] = np.quantile(observed, tails) + np.array([-1e-6, 1e-6])
    return np.stack([np.minimum(ends[0], 0.0), np.maximum(ends[1], 0.0)])


def _left_out(visits: Visits, spread: Spread) -> Floats:
    """(N, K), ratings less their prediction from others of the person, in standard deviations."""
    source = np.random.default_rng(0)
    chosen = source.permutation(len(visits.person))[:_TRIED]
    order = np.argsort(visits.person, kind="stable")
    sorted_people = visits.person[order]
    others: list[NDArray[np.int64]] = []
    for visit in chosen.tolist():
        start, end = np.searchsorted(sorted_people, visits.person[[visit, visit]] + [0, 1])
        same = order[start:end]
        others.append(source.permutation(same[same != visit])[:_OTHERS])
    sizes = [len(one) for one in others]
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *others])
    owner = np.repeat(np.arange(len(others)), sizes)
    base = everyone(spread)
    estimates = of_people(spread, visits.ratings[rows], owner, len(others), base)
    deviation = np.sqrt(estimates.error + np.diag(spread.within))
    alone = np.array(sizes) == 0
    errors = (visits.ratings[chosen] - estimates.mean) / deviation
    return np.asarray(errors[~alone])
