"""Expected ratings of a person from own ratings, and of a group as far as its people support it.

Pure. Shapes: `K` classes, `G` groups, `m` scenarios that a person rated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.people.spread import Spread


@dataclass(frozen=True)
class Estimate:
    """What somebody is expected to give a response of each class, in rating points."""

    mean: Floats
    """(K,)"""
    error: Floats
    """(K,) variance of `mean` around the true one"""
    single: Floats
    """(K,) variance of one rating around the true mean: of this person, or of one of the group"""
    own: int = 0
    """Scenarios with own ratings that it uses."""

    @property
    def deviation(self) -> Floats:
        """(K,) standard deviation of one rating around `mean`."""
        return np.asarray(np.sqrt(self.error + self.single))


def everyone(spread: Spread) -> Estimate:
    """The class means, for a person of whom nothing is known."""
    single = np.diag(spread.between) + np.diag(spread.within)
    return Estimate(spread.mean, spread.mean_error, np.asarray(single))


def of_person(spread: Spread, own: Floats, prior: Estimate | None = None) -> Estimate:
    """A person's expected ratings from own ratings `own`: (m, K), NaN where there is none.

    mu + S_b (S_b + S_w / m)^-1 (mean of own ratings - mu). Ratings that are missing leave out their
    part: with H_s the classes rated in scenario s,
    mu + S_b (I + L S_b)^-1 sum_s H_s' (H_s S_w H_s')^-1 (y_s - H_s mu), L = sum_s H_s' (..)^-1 H_s,
    which is the same where none is missing. `prior` replaces mu by what a group expects.
    """
    base = prior or everyone(spread)
    rated = int((~np.isnan(own)).any(axis=1).sum())
    if not rated:
        return base
    owner = np.zeros(len(own), dtype=np.int64)
    estimates = of_people(spread, own, owner, 1, base)
    single = np.asarray(np.diag(spread.within))
    return Estimate(estimates.mean[0], estimates.error[0], single, rated)


@dataclass(frozen=True)
class ManyEstimates:
    """Estimates of `N` people."""

    mean: Floats
    """(N, K)"""
    error: Floats
    """(N, K)"""


def of_people(
    spread: Spread, ratings: Floats, owner: NDArray[np.int64], count: int, base: Estimate
) -> ManyEstimates:
    """The same for many people: `ratings` are (V, K), of the person `owner` (V,), below `count`."""
    size = len(spread.mean)
    precision, pull = np.zeros((count, size, size)), np.zeros((count, size))
    patterns, pattern_of = np.unique(~np.isnan(ratings), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        columns = np.flatnonzero(pattern)
        rows = np.flatnonzero(pattern_of.reshape(-1) == number)
        inverse = np.zeros((size, size))
        within = spread.within[np.ix_(columns, columns)]
        inverse[np.ix_(columns, columns)] = np.linalg.inv(within)
        np.add.at(precision, owner[rows], inverse)
        around = np.where(pattern, ratings[rows] - base.mean, 0.0)
        np.add.at(pull, owner[rows], around @ inverse)
    identity = np.eye(size)
    posterior = spread.between @ np.linalg.inv(identity + precision @ spread.between)
    error = np.maximum(np.diagonal(posterior, axis1=1, axis2=2), 0.0)
    # What is not known about the prior's mean matters as far as own ratings do not replace it.
    kept = np.diagonal(identity - posterior @ precision, axis1=1, axis2=2)
    return ManyEstimates(
        base.mean + np.einsum("nkl,nl->nk", posterior, pull),
        np.asarray(error + np.clip(kept, 0.0, 1.0) ** 2 * base.error),
    )


@dataclass(frozen=True)
class Groups:
    """Group means, shrunk to the class means as far as the groups' people do not support them."""

    names: tuple[str, ...]
    people: NDArray[np.int64]
    """(G,)"""
    raw: Floats
    """(G, K) mean of the people's means; NaN for a class that none of them rated"""
    mean: Floats
    """(G, K) mu + lambda (group mean - mu)"""
    support: Floats
    """(G,) lambda, from 0 (the class mean is used) to 1 (the group's own mean)"""

    def estimate(self, group: int, spread: Spread) -> Estimate:
        """What one of a group is expected to give."""
        share = self.support[group]
        own = np.diag(spread.between) + np.diag(spread.within)
        error = share * own / max(int(self.people[group]), 1) + (1 - share) * spread.mean_error
        return Estimate(self.mean[group], np.asarray(error), np.asarray(own))


def groups_of(
    spread: Spread, means: Floats, membership: NDArray[np.bool_], names: tuple[str, ...]
) -> Groups:
    """Shrink group means. `means` is (P, K), NaN where there is none; `membership` is (P, G).

    lambda = max(0, 1 - s2_person / (n_people s2_between)): s2_person is the variance of people's
    means within groups, s2_between that of the group means, both summed over classes, because one
    class has too few groups for an estimate. With one group there is nothing to compare: lambda 0.
    """
    rated = ~np.isnan(means)
    members = membership.T.astype(np.float64)
    number = members @ rated
    filled = np.where(rated, means, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = (members @ filled) / number
    people = membership.sum(axis=0)
    squares = members @ np.where(rated, filled**2, 0.0) - np.nan_to_num(raw) ** 2 * number
    freedom = np.maximum(number - 1, 0.0).sum(axis=0)
    enough = (freedom > 0) & ((number > 0).sum(axis=0) > 1)
    person = np.where(enough, squares.sum(axis=0) / np.maximum(freedom, 1), 0.0).sum()
    between = sum(float(np.var(raw[number[:, k] > 0, k], ddof=1)) for k in np.flatnonzero(enough))
    with np.errstate(invalid="ignore", divide="ignore"):
        support = np.maximum(0.0, 1.0 - person / (people * between))
    support = np.nan_to_num(support, nan=0.0, posinf=0.0, neginf=0.0)
    shift = np.where(number > 0, np.nan_to_num(raw) - spread.mean, 0.0)
    return Groups(names, people, raw, spread.mean + support[:, None] * shift, support)
