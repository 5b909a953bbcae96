"""How sure a score is, and how sure the choice that follows from it. Pure.

Shapes: `C` candidates, `A` attributes. Errors are in the units of the scores, [0, 1].
"""

from __future__ import annotations

import math
import statistics
from typing import Literal

import numpy as np
from msgspec import Struct

from app.domain.align import Distance, Floats, Selection, TargetMatrix, distances, nearest
from app.domain.types import CandidateScore

DRAWS = 4096
"""Draws behind a probability: its own error is below 0.008."""
_BATCH = 256


class Limits(Struct, frozen=True):
    """What a selection must meet; where it does not, nothing is selected."""

    min_probability: float | None = None
    min_margin: float | None = None
    max_distance: float | None = None


class Abstention(Struct, frozen=True):
    """Why nothing is selected."""

    reason: Literal["min-probability", "min-margin", "max-distance"]
    limit: float
    found: float | None
    """What there was instead; None for a probability that is not known."""


def standard_error(score: CandidateScore) -> float | None:
    """Standard error of a score, None where nothing tells it.

    Of a label that was read: its standard deviation under the model's own probabilities, over all
    orders together. Else that of a mean over samples and orders; a single answer tells nothing of
    its error, which is not the same as none.
    """
    if score.label_deviation is not None:
        return score.label_deviation
    count = len(score.values)
    if count < 2:
        return None
    return statistics.stdev(score.values) / math.sqrt(count)


def probabilities(
    scores: Floats,
    errors: Floats,
    target: TargetMatrix,
    metric: Distance = "euclidean",
    covariance: Floats | None = None,
) -> Floats:
    """How likely each candidate is to be the nearest to a target: (C,), adding up to 1.

    `scores` and their standard `errors` are (C, A), `target` has one row. Scores are drawn from
    independent normal distributions, cut at 0 and 1; the draws are always the same, so the same
    scores get the same answer.
    """
    draw = np.random.default_rng(0)
    count, size = scores.shape
    wins = np.zeros(count)
    for _ in range(DRAWS // (2 * _BATCH)):
        noise = draw.standard_normal((_BATCH, count, size))
        # Each draw and its mirror image: half the variance for the same work.
        for sign in (1.0, -1.0):
            drawn = np.clip(scores + sign * noise * errors, 0.0, 1.0)
            distance = distances(drawn.reshape(-1, size), target, metric, covariance)
            chosen = nearest(distance.reshape(_BATCH, count))
            wins += np.bincount(chosen, minlength=count)
    return np.asarray(wins / wins.sum(), dtype=np.float64)


def abstain(selection: Selection, probability: float | None, limits: Limits) -> Abstention | None:
    """Whether a selection falls short of a limit: the first that it misses, or None.

    A margin that does not exist (a single candidate) falls short of none.
    """
    wanted = limits.min_probability
    if wanted is not None and (probability is None or probability < wanted):
        return Abstention("min-probability", wanted, probability)
    wanted, margin = limits.min_margin, selection.margin
    if wanted is not None and margin is not None and margin < wanted:
        return Abstention("min-margin", wanted, margin)
    wanted, distance = limits.max_distance, selection.selected.distance
    if wanted is not None and distance > wanted:
        return Abstention("max-distance", wanted, distance)
    return None
