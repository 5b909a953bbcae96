"""What is known of single responses: shifts from what their class is expected to get. Pure.

Three sources, each used only where it is worth something on left-out scenarios: ratings of the
same response, its scores on attributes that the bank labels, and similar texts in banks without
classes. Shapes: `N` rated responses of the bank, `A` attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.people.components import PARTS, PairProducts
from app.domain.people.model import PeopleModel
from app.domain.ratings.table import RatingTable

_FOLDS = 5
_RIDGE = 1.0
_FEWEST = 20
"""Labelled responses with ratings that a fit of attributes needs."""


@dataclass(frozen=True)
class RatedResponses:
    """The rated responses of a bank, each with the mean of what its ratings add to the expected."""

    scenario: NDArray[np.int64]
    """(N,)"""
    response: NDArray[np.int64]
    """(N,)"""
    residual: Floats
    """(N,) mean over raters of the rating less what the rater is expected to give its class"""
    raters: NDArray[np.int64]
    """(N,)"""


def rated_responses(table: RatingTable, model: PeopleModel) -> RatedResponses:
    """Residuals of all rated responses whose class is known."""
    kinds = table.rated_class if table.classes else np.zeros(len(table), dtype=np.int64)
    rows = np.flatnonzero(kinds >= 0)
    expected = model.raters()[table.rater[rows], kinds[rows]] if len(rows) else np.zeros(0)
    width = np.int64(table.response_class.shape[1] or 1)
    cell = table.scenario[rows] * width + table.response[rows]
    cells, place = np.unique(cell, return_inverse=True)
    place = place.reshape(-1)
    number = np.bincount(place, minlength=len(cells))
    total = np.bincount(place, table.value[rows] - expected, minlength=len(cells))
    return RatedResponses(cells // width, cells % width, total / np.maximum(number, 1), number)


def shrunk(rated: RatedResponses, model: PeopleModel, membership: NDArray[np.bool_]) -> Floats:
    """(N,), residuals shrunk for few raters: times n / (n + rest / prompt).

    rest and prompt are the shares of variance that one rating and one response explain.
    """
    if not len(rated.residual):
        return rated.residual
    counts = np.asarray(model.visits.counts().any(axis=1), dtype=np.float64)
    shares = dict(zip(PARTS, PairProducts(model.visits, membership).shares(counts), strict=True))
    if shares["prompt"] <= 0:
        return np.zeros_like(rated.residual)
    ratio = max(shares["rest"], 0.0) / shares["prompt"]
    return np.asarray(rated.residual * rated.raters / (rated.raters + ratio))


@dataclass(frozen=True)
class AttributeShift:
    """What scores on attributes add to the expected rating, as a line for each attribute."""

    attributes: tuple[str, ...]
    slopes: Floats
    """(A,) rating points for a score of 1 instead of 0"""
    centre: Floats
    """(A,) mean labels"""
    mean: float
    worth: float
    """Share of the variance of residuals that it explained on left-out scenarios."""
    responses: int

    def shift(self, scores: Floats) -> Floats:
        """(C,), rating points for scores (C, A)."""
        return np.asarray(self.mean + (scores - self.centre) @ self.slopes)


def fit_attributes(
    labels: Floats, rated: RatedResponses, attributes: Sequence[str]
) -> AttributeShift | None:
    """Ridge of residuals on labels (N, A), NaN where there is none. None with too few of both."""
    known = ~np.isnan(labels).any(axis=1)
    if known.sum() < _FEWEST or not attributes:
        return None
    labels, wanted = labels[known], rated.residual[known]
    _, fold_of = np.unique(rated.scenario[known], return_inverse=True)
    left_out = np.full(len(wanted), wanted.mean())
    for fold in range(_FOLDS):
        test = fold_of % _FOLDS == fold
        if test.any() and not test.all():
            slopes, centre, mean = _line(labels[~test], wanted[~test])
            left_out[test] = mean + (labels[test] - centre) @ slopes
    variance = float(np.square(wanted - wanted.mean()).sum())
    error = float(np.square(wanted - left_out).sum())
    slopes, centre, mean = _line(labels, wanted)
    worth = 1 - error / variance if variance > 0 else 0.0
    return AttributeShift(tuple(attributes), slopes, centre, mean, worth, len(wanted))


def _line(labels: Floats, wanted: Floats) -> tuple[Floats, Floats, float]:
    centre, mean = labels.mean(axis=0), float(wanted.mean())
    around = labels - centre
    square = around.T @ around + _RIDGE * np.eye(labels.shape[1])
    slopes = np.linalg.solve(square, around.T @ (wanted - mean))
    return np.asarray(slopes), np.asarray(centre), mean
