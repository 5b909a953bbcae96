"""What explains the variance of ratings: class, group, person, prompt. Pure.

Shapes: `V` visits, `P` people, `K` classes, `G` groups, `S` scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.people.visits import Visits

PARTS = ("class", "group", "person", "prompt", "rest")
"""Order of the shares."""


@dataclass(frozen=True)
class Sharing:
    """How much pairs of people have in common, by the design of the bank: shares in [0, 1]."""

    group_in_all: float
    """Pairs of people that are of the same group"""
    group_in_prompt: float
    """The same, among pairs of ratings of one prompt"""
    prompt_in_all: float
    """Mean overlap of the prompts of two people, which their means have in common"""
    prompt_in_group: float
    """The same, for two people of the same group"""


@dataclass(frozen=True)
class PairProducts:
    """Products of deviations from the class mean, for pairs of ratings; people count by weights.

    Two ratings have in common what their deviations' product is on average, whoever rated how much.
    """

    visits: Visits
    membership: NDArray[np.bool_]
    """(P, G)"""

    @cached_property
    def _counts(self) -> Floats:
        return self.visits.counts()

    @cached_property
    def _flat(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], Floats]:
        """Person, class, prompt-and-class and value of each rating."""
        rows, kinds = np.nonzero(~np.isnan(self.visits.ratings))
        cells = self.visits.scenario[rows] * self.visits.ratings.shape[1] + kinds
        _, cell = np.unique(cells, return_inverse=True)
        return self.visits.person[rows], kinds, cell.reshape(-1), self.visits.ratings[rows, kinds]

    @cached_property
    def sharing(self) -> Sharing:
        """Of the bank, all people alike."""
        person, kinds, cell, _ = self._flat
        rated = np.asarray(self._counts.any(axis=1))
        members = (self.membership & rated[:, None]).astype(np.float64)
        pairs = float(rated.sum()) * (float(rated.sum()) - 1)
        by_group = members.sum(axis=0)
        of_groups = float((by_group * (by_group - 1)).sum())
        together = _pairs(np.ones(len(cell)), cell)
        same = 0.0
        overlap_same = 0.0
        share = 1 / self._counts[person, kinds]
        for group in range(members.shape[1]):
            inside = members[person, group]
            same += _pairs(inside, cell)
            overlap_same += _pairs(share * inside, cell)
        overlap = _pairs(share, cell)
        classes = max(int(self._counts.any(axis=0).sum()), 1)
        return Sharing(
            _safe(of_groups, pairs),
            _safe(same, together),
            _safe(overlap, pairs * classes),
            _safe(overlap_same, of_groups * classes),
        )

    def shares(self, weights: Floats) -> Floats:
        """Share of the variance for each of `PARTS`, with people weighted: (P,) -> (5,).

        Estimates are unbiased, so a part that explains nothing may come out below 0. With v0 what
        the estimated class means take from all products, the mean products are: of two people
        v0 + h group + o prompt, h and o being what they share; of two of a group likewise; of one
        prompt, two people v0 + f group + prompt; of one person, two prompts v0 + group + person.
        """
        person, kinds, cell, value = self._flat
        weight = weights[person]
        size = self.visits.ratings.shape[1]
        number = np.bincount(kinds, weight, size)
        mean = np.bincount(kinds, weight * value, size) / np.maximum(number, 1e-12)
        around = value - mean[kinds]
        total = float(weight @ around**2 / weight.sum())
        everybody, in_group = self._of_people(around, weights)
        in_prompt = _safe(_pairs(weight * around, cell), _pairs(weight, cell))
        alone = self._of_one(around, weights)
        share = self.sharing
        # One row an equation; columns are v0, group, prompt.
        known = np.array([everybody, in_group, in_prompt])
        design = np.array(
            [
                [1.0, share.group_in_all, share.prompt_in_all],
                [1.0, 1.0, share.prompt_in_group],
                [1.0, share.group_in_prompt, 1.0],
            ]
        )
        if not 0 < share.group_in_all < 1:
            design[1] = [0.0, 1.0, 0.0]
            known[1] = 0.0
        base, group, prompt = np.linalg.lstsq(design, known, rcond=None)[0]
        single = alone - base - group
        overall = float(number @ mean / number.sum())
        classes = float(number @ (mean - overall) ** 2 / number.sum()) + base * (1 - 1 / size)
        rest = total - base - group - single - prompt
        parts = np.array([classes, group, single, prompt, rest])
        return np.asarray(parts / max(float(parts.sum()), 1e-12))

    def _of_people(self, around: Floats, weights: Floats) -> tuple[float, float]:
        """Mean products of the means of two people: of all, and of one group."""
        means = self._means(around)
        rated = (self._counts > 0) * weights[:, None]
        everybody = _safe(_square(means * rated), _square(rated))
        top = bottom = 0.0
        for group in range(self.membership.shape[1]):
            rows = self.membership[:, group]
            top += _square(means[rows] * rated[rows])
            bottom += _square(rated[rows])
        return everybody, _safe(top, bottom)

    def _of_one(self, around: Floats, weights: Floats) -> float:
        """Mean product of two ratings of one person; people count alike."""
        person, kinds, _, _ = self._flat
        squares = np.zeros_like(self._counts)
        np.add.at(squares, (person, kinds), around**2)
        counts = self._counts
        several = counts > 1
        total = self._means(around) * counts
        product = (total**2 - squares) / np.where(several, counts * (counts - 1), 1.0)
        weight = several * weights[:, None]
        return _safe(float((product * weight).sum()), float(weight.sum()))

    def _means(self, around: Floats) -> Floats:
        person, kinds, _, _ = self._flat
        flat = person * self._counts.shape[1] + kinds
        sums = np.bincount(flat, around, self._counts.size).reshape(self._counts.shape)
        return np.asarray(sums / np.maximum(self._counts, 1))


def _pairs(values: Floats, cell: NDArray[np.intp]) -> float:
    """Sum of products of all ordered pairs of different ratings in one cell."""
    return float((np.bincount(cell, values) ** 2).sum() - (values**2).sum())


def _square(values: Floats) -> float:
    """Sum of products of all ordered pairs of different rows, over columns."""
    return float((values.sum(axis=0) ** 2 - (values**2).sum(axis=0)).sum())


def _safe(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else 0.0
