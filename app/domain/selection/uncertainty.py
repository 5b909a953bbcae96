"""How sure a score is, and how sure the choice that follows from it. Pure.

Shapes: `C` candidates, `A` attributes. Errors are in the units of the scores, [0, 1].
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from msgspec import Struct

from app.domain.arrays import Floats
from app.domain.cells import CandidateScore
from app.domain.selection.distance import Distance, distances
from app.domain.selection.ranking import TIE_TOLERANCE, Selection
from app.domain.selection.targets import TargetMatrix

DRAWS = 4096
"""Draws behind a probability: its own error is below 0.008."""


class Limits(Struct, frozen=True):
    """What a selection must meet; where it does not, nothing is selected."""

    min_probability: float | None = None
    min_margin: float | None = None
    max_distance: float | None = None


class Abstention(Struct, frozen=True):
    """Why nothing is selected."""

    reason: Literal["min-probability", "min-margin", "max-distance"]
    limit: float
    observed: float | None
    """What there was instead; None for a probability that is not known."""


class CellErrors(Struct, frozen=True):
    """Standard errors of a cell's scores."""

    deviations: tuple[float, ...]
    """One for each candidate."""
    freedom: float
    """Degrees of freedom behind them; infinite where they are not estimated from a few answers."""


def standard_errors(scores: Sequence[CandidateScore]) -> CellErrors | None:
    """Standard errors of the scores of one cell, None where nothing tells them.

    Of digits that were read: their standard deviation under the model's own probabilities, over all
    orders together. Else those of means over samples and orders. One judge answered about one
    attribute, so how answers spread is estimated over all candidates together: two answers about
    one candidate often agree by luck. Single answers tell nothing of their error, which is not the
    same as none.
    """
    read = tuple(s.digits.deviation for s in scores if s.digits is not None)
    if len(read) == len(scores):
        return CellErrors(read, math.inf)
    answers = [score.values or (score.score,) for score in scores]
    freedom = sum(len(values) - 1 for values in answers)
    if not freedom:
        return None
    squares = sum(statistics.pvariance(values) * len(values) for values in answers)
    spread = math.sqrt(squares / freedom)
    return CellErrors(tuple(spread / math.sqrt(len(values)) for values in answers), freedom)


class ScoreErrors(Protocol):
    """How far scores may lie from what they stand for."""

    def draw(self, source: np.random.Generator, count: int, candidates: int) -> Floats:
        """`count` draws of all errors: (count, C, A)."""

    def snap(self, drawn: Floats) -> Floats:
        """Drawn scores as they could be: (..., A) -> (..., A)."""


@dataclass(frozen=True, slots=True)
class OwnErrors:
    """Independent errors, as standard errors of means have them: Student's t."""

    deviations: Floats
    """(C, A)"""
    freedom: Floats
    """(A,), degrees of freedom behind them; where it is infinite, errors are normal."""

    def draw(self, source: np.random.Generator, count: int, candidates: int) -> Floats:
        """`count` draws of all errors: (count, C, A)."""
        normal = source.standard_normal((count, *self.deviations.shape))
        few = np.isfinite(self.freedom)
        freedom = np.where(few, self.freedom, 1.0)
        # What the spread may be as well, the same for all candidates: it is estimated over them.
        wider = np.sqrt(freedom / source.chisquare(freedom, (count, 1, len(freedom))))
        return np.asarray(normal * self.deviations * np.where(few, wider, 1.0))

    def snap(self, drawn: Floats) -> Floats:
        """Scores lie in [0, 1]."""
        return np.asarray(np.clip(drawn, 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class SharedErrors:
    """Normal errors that go together over attributes and candidates, the same in any scenario."""

    same: Floats
    """(A, A), covariance of the errors on two attributes for one candidate."""
    other: Floats
    """(A, A), for two candidates of one scenario."""
    levels: tuple[tuple[float, ...], ...] = ()
    """For each attribute the values that labels take, ascending; empty where any is possible."""
    sharpness: float = 1.0
    """Factor on errors when they are drawn. Theirs are heavier tails than the normal ones: most are
    smaller than their standard error says, and probabilities would be too timid without it."""

    @property
    def deviations(self) -> Floats:
        """(A,), standard errors of the scores."""
        return np.sqrt(np.diag(self.same))

    def within(self, columns: Sequence[int]) -> SharedErrors:
        """Those of some attributes alone."""
        chosen = np.ix_(list(columns), list(columns))
        levels = tuple(self.levels[c] for c in columns) if self.levels else ()
        return SharedErrors(self.same[chosen], self.other[chosen], levels, self.sharpness)

    def draw(self, source: np.random.Generator, count: int, candidates: int) -> Floats:
        """`count` draws of all errors: (count, C, A)."""
        size = len(self.same)
        shared = source.standard_normal((count, 1, size)) @ _root(self.other).T
        own = source.standard_normal((count, candidates, size)) @ _root(self.same - self.other).T
        return np.asarray(self.sharpness * (shared + own))

    def snap(self, drawn: Floats) -> Floats:
        """Labels lie on their levels, or at least in [0, 1]."""
        snapped = np.clip(drawn, 0.0, 1.0)
        for column, levels in enumerate(self.levels):
            if levels:
                borders = (np.array(levels[1:]) + np.array(levels[:-1])) / 2
                snapped[..., column] = np.take(
                    levels, np.searchsorted(borders, snapped[..., column])
                )
        return np.asarray(snapped)


def _root(covariance: Floats) -> Floats:
    """A square root of what may not quite be a covariance: negative parts count as none."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def probabilities(
    scores: Floats,
    errors: ScoreErrors,
    target: TargetMatrix,
    metric: Distance = "euclidean",
    covariance: Floats | None = None,
) -> Floats:
    """How likely each candidate is to be the nearest to a target: (C,), adding up to 1.

    `scores` are (C, A), of different texts: one that is listed twice is one candidate. `target` has
    one row. Errors are drawn, and the draws are always the same, so the same scores get the same
    answer. Draws in which all candidates are equally near decide nothing and do not count; where
    only some are, these share the draw.
    """
    source = np.random.default_rng(0)
    count, size = scores.shape
    won = np.zeros(count)
    noise = errors.draw(source, DRAWS // 2, count)
    # Each draw and its mirror image: half the variance for the same work.
    for sign in (1.0, -1.0):
        drawn = errors.snap(scores + sign * noise)
        distance = distances(drawn.reshape(-1, size), target, metric, covariance)
        distance = distance.reshape(-1, count)
        won += wins(distance).sum(axis=0)
    total = won.sum()
    return np.asarray(won / total if total > 0 else np.full(count, 1 / count))


def wins(distance: Floats) -> Floats:
    """Which candidate each draw is won by: (..., C) -> (..., C).

    A draw counts 1, shared by those that are equally near; it counts nothing where all are.
    """
    near = distance <= distance.min(axis=-1, keepdims=True) + TIE_TOLERANCE
    decided = ~near.all(axis=-1, keepdims=True)
    return np.asarray(near * decided / near.sum(axis=-1, keepdims=True))


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
