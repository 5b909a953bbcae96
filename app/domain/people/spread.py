"""How people differ, and how much a person's ratings differ by themselves. Pure.

Shapes: `P` people, `K` classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Floats
from app.domain.people.visits import Visits

_LEAST = 1e-4
"""Share of the squared scale below which a variance counts as this."""


@dataclass(frozen=True)
class Spread:
    """Class means and covariances, in rating points. People count, not ratings."""

    mean: Floats
    """(K,) mean of people's means"""
    between: Floats
    """(K, K) S_b, covariance of people's means less what single ratings add to it"""
    within: Floats
    """(K, K) S_w, covariance of one person's ratings of different scenarios"""
    people: Floats
    """(K,) people who rated the class"""

    @property
    def mean_error(self) -> Floats:
        """(K,) variance of `mean`, as the people are a sample."""
        return np.asarray(
            (np.diag(self.between) + np.diag(self.within)) / np.maximum(self.people, 1)
        )


def spread_of(visits: Visits, scale: tuple[float, float]) -> Spread:
    """Class means, S_b and S_w by moments; clipped to positive semi-definite.

    Each pair of classes uses the visits that have both. With n_c visits of a person that have class
    c and n_cd that have both, n_cd (1 - 1/n_c - 1/n_d + n_cd / (n_c n_d)) is what a person's
    products of deviations expect of S_w[c, d]; without missing ratings that is n - 1. A class that
    nobody rated has the middle of the scale as its mean.
    """
    low, high = scale
    least = _LEAST * (high - low) ** 2
    counts, means = visits.counts(), visits.means()
    rated = counts > 0
    people = rated.sum(axis=0).astype(np.float64)
    total = np.where(rated, means, 0.0).sum(axis=0)
    middle = (low + high) / 2
    mean = np.where(people > 0, total / np.maximum(people, 1), middle)
    deviations = np.nan_to_num(visits.ratings - means[visits.person])
    joint = _joint_counts(visits)
    of_both = np.maximum(counts[:, :, None] * counts[:, None, :], 1)
    inverse = np.where(rated, 1 / np.maximum(counts, 1), 0)
    free = joint * (1 - inverse[:, :, None] - inverse[:, None, :] + joint / of_both)
    freedom = free.sum(axis=0)
    within = _ratio(deviations.T @ deviations, freedom)
    floor = np.maximum(np.diag(within), least)
    np.fill_diagonal(within, floor)
    within = positive(within, least)
    around = np.where(rated, means - mean, 0.0)
    pairs = (rated[:, :, None] & rated[:, None, :]).astype(np.float64)
    noise = within * _ratio((pairs * joint / of_both).sum(axis=0), pairs.sum(axis=0))
    between = _ratio(around.T @ around, pairs.sum(axis=0) - 1) - noise
    return Spread(mean, positive(between), within, people)


def positive(matrix: Floats, least: float = 0.0) -> Floats:
    """The symmetric matrix with eigenvalues of at least `least`."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, least)) @ vectors.T, dtype=np.float64)


def _joint_counts(visits: Visits) -> Floats:
    """(P, K, K), visits in which a person rated both classes."""
    given = (~np.isnan(visits.ratings)).astype(np.float64)
    size = given.shape[1]
    joint = np.zeros((visits.people, size, size))
    for first in range(size):  # (V, K, K) at once may be large
        np.add.at(joint[:, first], visits.person, given[:, first : first + 1] * given)
    return joint


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, 0 where the denominator is not positive."""
    positive_ones = denominator > 0
    return np.where(positive_ones, numerator / np.where(positive_ones, denominator, 1.0), 0.0)
