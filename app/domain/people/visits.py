"""Ratings as visits: what one person gave each class of response in one scenario. Pure.

Shapes: `V` visits, `P` people, `K` classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.ratings.table import RatingTable

ANY = ""
"""The only class of a bank without response classes."""


@dataclass(frozen=True)
class Visits:
    """One row for each pair of a person and a scenario that the person rated."""

    person: NDArray[np.int64]
    """(V,)"""
    scenario: NDArray[np.int64]
    """(V,)"""
    ratings: Floats
    """(V, K), NaN where the person rated no response of the class; the mean where several."""
    people: int

    def of_people(self, kept: NDArray[np.bool_]) -> Visits:
        """The visits of some people; people keep their numbers. `kept` is (P,)."""
        rows = kept[self.person]
        return Visits(self.person[rows], self.scenario[rows], self.ratings[rows], self.people)

    def counts(self) -> Floats:
        """(P, K), visits in which a person rated a class."""
        return self._sums((~np.isnan(self.ratings)).astype(np.float64))

    def means(self) -> Floats:
        """(P, K), a person's mean rating of a class; NaN without ratings."""
        totals = self._sums(np.nan_to_num(self.ratings))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(totals / self.counts())

    def _sums(self, values: Floats) -> Floats:
        sums = np.zeros((self.people, values.shape[1]))
        np.add.at(sums, self.person, values)
        return sums


def classes_of(table: RatingTable) -> tuple[str, ...]:
    """The classes that expected ratings are about: of the bank, or else one for all responses."""
    return table.classes or (ANY,)


def visits_of(table: RatingTable) -> Visits:
    """The visits of a bank. Ratings of responses without a class are left out, if there are any
    classes."""
    count = len(classes_of(table))
    kinds = table.rated_class if table.classes else np.zeros(len(table), dtype=np.int64)
    rows = np.flatnonzero(kinds >= 0)
    pair = table.rater[rows] * np.int64(len(table.scenarios) or 1) + table.scenario[rows]
    pairs, visit = np.unique(pair, return_inverse=True)
    cell = visit.reshape(-1) * count + kinds[rows]
    size = len(pairs) * count
    number = np.bincount(cell, minlength=size).reshape(-1, count)
    total = np.bincount(cell, weights=table.value[rows], minlength=size).reshape(-1, count)
    with np.errstate(invalid="ignore"):
        ratings = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    scenarios = np.int64(len(table.scenarios) or 1)
    return Visits(pairs // scenarios, pairs % scenarios, ratings, len(table.raters))
