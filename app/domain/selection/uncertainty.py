"""Uncertainty of scores, and of the selection made from them. Pure.

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
"""Number of draws for a probability, whose standard error is then below 0.008."""
_MOST_NUMBERS = 4_000_000
"""Most numbers that are drawn at once: a thousand candidates take several blocks."""


class Limits(Struct, frozen=True):
    """Requirements on a selection. If one is not met, nothing is selected."""

    min_probability: float | None = None
    min_margin: float | None = None
    max_distance: float | None = None


AbstentionReason = Literal["min-probability", "min-margin", "max-distance"]
"""The limit that a selection misses."""


class Abstention(Struct, frozen=True):
    """Why nothing is selected."""

    reason: AbstentionReason
    limit: float
    observed: float | None
    """The value that misses the limit; None if a probability is unknown."""


class CellErrors(Struct, frozen=True):
    """Standard errors of a cell's scores."""

    deviations: tuple[float, ...]
    """Standard error for each candidate."""
    freedom: float
    """Degrees of freedom of the estimate; infinite if it is not made from a few answers."""


def standard_errors(scores: Sequence[CandidateScore]) -> CellErrors | None:
    """Standard errors of the scores of one cell; None if they are unknown.

    For digit readings: the standard deviation of the digit under the model's probabilities, over
    all orders. Otherwise: the standard error of the mean over samples and orders, with the variance
    of answers pooled over all candidates, because two answers about one candidate often agree by
    chance. The error of a single answer is unknown, which is not the same as zero.
    For a committee: the same over its judges, and the errors of these come on top.
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
    return CellErrors(
        tuple(
            math.hypot(spread / math.sqrt(len(score.values or (0,))), score.judges_error)
            for score in scores
        ),
        freedom,
    )


class ScoreErrors(Protocol):
    """Distribution of the errors of scores."""

    def draw(self, source: np.random.Generator, count: int, candidates: int) -> Floats:
        """Draw all errors `count` times: (count, C, A)."""

    def snap(self, drawn: Floats) -> Floats:
        """Move drawn scores to the nearest possible ones: (..., A) -> (..., A)."""


@dataclass(frozen=True, slots=True)
class OwnErrors:
    """Independent errors with Student's t distribution, from the standard errors of means."""

    deviations: Floats
    """(C, A), standard errors."""
    freedom: Floats
    """(A,), degrees of freedom; errors are normal where it is infinite."""

    def draw(self, source: np.random.Generator, count: int, candidates: int) -> Floats:
        """Draw all errors `count` times: (count, C, A)."""
        normal = source.standard_normal((count, *self.deviations.shape))
        few = np.isfinite(self.freedom)
        freedom = np.where(few, self.freedom, 1.0)
        # The uncertainty of the spread is the same for all candidates: it is pooled over them.
        wider = np.sqrt(freedom / source.chisquare(freedom, (count, 1, len(freedom))))
        return np.asarray(normal * self.deviations * np.where(few, wider, 1.0))

    def snap(self, drawn: Floats) -> Floats:
        """Clip scores to [0, 1]."""
        return np.asarray(np.clip(drawn, 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class SharedErrors:
    """Normal errors, correlated over attributes and candidates, the same for every scenario."""

    same: Floats
    """(A, A), covariance of the errors on two attributes for the same candidate."""
    other: Floats
    """(A, A), covariance for two different candidates of a scenario."""
    levels: tuple[tuple[float, ...], ...] = ()
    """Ascending values that labels take, for each attribute; empty for continuous labels."""
    sharpness: float = 1.0
    """Scale of drawn errors. Real errors have heavier tails than a normal distribution: most are
    smaller than the standard error suggests, and probabilities would be too low without scaling."""

    @property
    def deviations(self) -> Floats:
        """(A,), standard errors of the scores."""
        return np.sqrt(np.diag(self.same))

    def within(self, columns: Sequence[int]) -> SharedErrors:
        """The errors on the attributes in `columns` only."""
        chosen = np.ix_(list(columns), list(columns))
        levels = tuple(self.levels[c] for c in columns) if self.levels else ()
        return SharedErrors(self.same[chosen], self.other[chosen], levels, self.sharpness)

    def draw(self, source: np.random.Generator, count: int, candidates: int) -> Floats:
        """Draw all errors `count` times: (count, C, A)."""
        size = len(self.same)
        shared = source.standard_normal((count, 1, size)) @ _root(self.other).T
        own = source.standard_normal((count, candidates, size)) @ _root(self.same - self.other).T
        return np.asarray(self.sharpness * (shared + own))

    def snap(self, drawn: Floats) -> Floats:
        """Round to the nearest label level; clip to [0, 1] if labels are continuous."""
        snapped = np.clip(drawn, 0.0, 1.0)
        for column, levels in enumerate(self.levels):
            if levels:
                borders = (np.array(levels[1:]) + np.array(levels[:-1])) / 2
                snapped[..., column] = np.take(
                    levels, np.searchsorted(borders, snapped[..., column])
                )
        return np.asarray(snapped)


def _root(covariance: Floats) -> Floats:
    """A square root of a covariance estimate, whose negative eigenvalues are set to 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def probabilities(
    scores: Floats,
    errors: ScoreErrors,
    target: TargetMatrix,
    metric: Distance = "euclidean",
    covariance: Floats | None = None,
) -> Floats:
    """Probability of each candidate to be the nearest to a target: (C,), adding up to 1.

    `scores` is (C, A), with duplicate texts merged; `target` has one row. Estimated by Monte Carlo
    with a fixed seed, so equal scores get equal probabilities. Draws in which all candidates tie
    are discarded; in the others, tied candidates share the draw.
    """
    source = np.random.default_rng(0)
    count, size = scores.shape
    won = np.zeros(count)
    for draws in _blocks(DRAWS // 2, max(1, _MOST_NUMBERS // (count * size))):
        noise = errors.draw(source, draws, count)
        # Antithetic draws: half the variance for the same work.
        for sign in (1.0, -1.0):
            drawn = errors.snap(scores + sign * noise)
            distance = distances(drawn.reshape(-1, size), target, metric, covariance)
            distance = distance.reshape(-1, count)
            won += wins(distance).sum(axis=0)
    total = won.sum()
    return np.asarray(won / total if total > 0 else np.full(count, 1 / count))


def _blocks(total: int, most: int) -> list[int]:
    """Parts of `total`, each at most `most`."""
    return [min(most, total - start) for start in range(0, total, most)]


def wins(distance: Floats) -> Floats:
    """Share of each draw won by each candidate: (..., C) -> (..., C).

    The nearest candidates share a draw equally. If all candidates tie, every share is 0.
    """
    near = distance <= distance.min(axis=-1, keepdims=True) + TIE_TOLERANCE
    decided = ~near.all(axis=-1, keepdims=True)
    return np.asarray(near * decided / near.sum(axis=-1, keepdims=True))


def abstain(selection: Selection, probability: float | None, limits: Limits) -> Abstention | None:
    """The first limit that a selection misses, or None.

    An unknown probability misses any limit. A single candidate has no margin and misses none.
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
