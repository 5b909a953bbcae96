"""SPICA's measures of ratings, in arrays: mismatch, stability, contrast; and agreement of raters.

Shapes: s scenarios, y responses or response classes, p people. NaN is a rating that was not given.
Formulas have their numbers in the paper.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.ratings.table import RatingTable

Root = Literal["mean", "sum"]
"""How equation 1 is read. `mean`: the root of the mean over responses, as the text says (RMSE) and
the published errors are computed. `sum`: the root of the sum, as the formula is printed."""


def mismatch(ratings: Floats, others: Floats, root: Root = "mean") -> Floats:
    """How much two distributions of ratings over responses differ (equation 1).

    `L(r, r') = (sum_y (r(y) - r'(y))^2)^(1/2)`, over the last axis (…, y); the others broadcast.
    `mean` divides the sum by the number of responses. Responses that only one of both has are left
    out; NaN if none is left.
    """
    squares = np.square(ratings - others)
    known = ~np.isnan(squares)
    count = known.sum(axis=-1)
    total = np.where(known, squares, 0.0).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        inner = total / count if root == "mean" else np.where(count, total, np.nan)
    return np.asarray(np.sqrt(inner))


def mismatch_between_people(people: Floats, others: Floats, root: Root = "mean") -> Floats:
    """The mean of equation 1 over all pairs of people (section 4.4): (…, p, y), (…, q, y) -> (…).

    People who rated nothing in common are no pair.
    """
    pairs = mismatch(people[..., :, None, :], others[..., None, :, :], root)
    return _mean(pairs, (-2, -1))


def stability(people: Floats) -> Floats:
    """How much a group agrees about each scenario: (s, p, y) -> (s,); 0 is full agreement.

    `stability(x, y) = -sum_p (r_p(x, y) - mean_p r(x, y))^2 / |p|` (equation 2), and its mean over
    responses (3). NaN without a response that two people rated: one person always agrees.
    """
    count = (~np.isnan(people)).sum(axis=-2)
    variances = np.where(count > 1, _variance(people, -2), np.nan)
    return -_mean(variances, (-1,))


def contrast(people: Floats) -> Floats:
    """How opinionated a group is about each scenario: (s, p, y) -> (s,); 0 is indifference.

    `contrast(x, p) = sum_y (r_p(x, y) - mean_y r_p(x, y))^2 / |y|` (equation 4), and its mean over
    people (5). NaN without a person who rated two responses.
    """
    return _mean(_contrasts(people), (-1,))


def shrunk_stability(people: Floats) -> Floats:
    """Stability, as far as the number of people supports it: (s, p, y) -> (s,).

    Variances are unbiased (divided by `|p| - 1`), pooled over responses. Each goes towards the mean
    of all scenarios by what chance alone would vary: `2 v^2 / d` with d degrees of freedom. A
    scenario with one rater gets the mean. With equally many raters the order of scenarios stays.
    """
    count = (~np.isnan(people)).sum(axis=-2)
    freedom = np.maximum(count - 1, 0).sum(axis=-1)
    squares = np.nan_to_num(_variance(people, -2)) * count
    with np.errstate(invalid="ignore"):
        variances = squares.sum(axis=-1) / freedom
    if not freedom.any():
        return np.zeros(len(people))
    pooled = squares.sum() / freedom.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return -shrunk(variances, 2 * pooled**2 / freedom)


def shrunk_contrast(people: Floats) -> Floats:
    """Contrast, as far as the number of people supports it: (s, p, y) -> (s,).

    Each mean over people goes towards the mean of all scenarios by `v / |p|`, v being the variance
    between people of one scenario.
    """
    each = _contrasts(people)
    count = (~np.isnan(each)).sum(axis=-1)
    freedom = np.maximum(count - 1, 0).sum()
    if not count.any():
        return np.zeros(len(people))
    within = np.nansum(np.nan_to_num(_variance(each, -1)) * count) / freedom if freedom else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.where(count > 0, within / count, np.inf)
    return shrunk(_mean(each, (-1,)), chance)


def shrunk(values: Floats, chance: Floats) -> Floats:
    """Values (n,) drawn to their mean: `mu + lambda (value - mu)`, `lambda = t2 / (t2 + chance)`.

    `chance` is the variance (n,) that a value has by chance, and t2 the rest of the variance
    between values, at least 0. What is not known (NaN) becomes the mean.
    """
    known = np.isfinite(values) & np.isfinite(chance)
    if not known.any():
        return np.zeros_like(values)
    mean = values[known].mean()
    between = max(0.0, float(np.mean(np.square(values[known] - mean) - chance[known])))
    share = np.zeros_like(values)
    spread = between + chance[known]
    share[known] = np.divide(between, spread, out=np.ones_like(spread), where=spread > 0)
    return np.asarray(mean + share * (np.where(known, values, mean) - mean))


def agreement(table: RatingTable) -> float | None:
    """Krippendorff's alpha of the ratings, with squared differences.

    1 if raters of the same response always agree, 0 if they differ as raters of different responses
    do. None if no response has two ratings or all ratings are equal.
    """
    cell = table.scenario * max(1, table.response_class.shape[1]) + table.response
    _, cell = np.unique(cell, return_inverse=True)
    count = np.bincount(cell)
    kept = count[cell] > 1
    value, cell, total = table.value[kept], cell[kept], int(kept.sum())
    if total < 2 or np.ptp(value) == 0:
        return None
    count = np.bincount(cell)
    sums, squares = np.bincount(cell, value), np.bincount(cell, np.square(value))
    pairs = count > 1
    inside = 2 * (count * squares - np.square(sums))[pairs] / (count[pairs] - 1)
    overall = 2 * (total * np.square(value).sum() - value.sum() ** 2) / (total - 1)
    return float(1 - inside.sum() / overall)


def _contrasts(people: Floats) -> Floats:
    """Equation 4 for each person: (s, p, y) -> (s, p), NaN for one who rated fewer than two."""
    count = (~np.isnan(people)).sum(axis=-1)
    return np.where(count > 1, _variance(people, -1), np.nan)


def _variance(values: NDArray[np.float64], axis: int) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of empty slices, whose variance is NaN
        return np.asarray(np.nanvar(values, axis=axis))


def _mean(values: Floats, axes: tuple[int, ...]) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=axes))
