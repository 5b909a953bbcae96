"""Which examples suit a group: SPICA's weighted measures, and the expected ratings. Pure.

Everything here is arithmetic on arrays; the nearest scenarios come from an index.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from app.domain.arrays import Floats
from app.domain.ratings.groups import GroupRatings
from app.domain.ratings.measures import mismatch_between_people
from app.domain.ratings.table import Ints

VERSION = "group/1"
"""Of everything that changes which examples are retrieved for a group."""
NEAREST = 20
"""Examples that are compared with the expected ratings: the most similar ones, or four times as
many as a prompt shows, if that is more."""
PER_EXAMPLE = 4
FOLDS = 5
"""Parts of a bank. Weights for a question of one part are fitted on the others."""
MOST_PAIRS = 200_000
"""Pairs of scenarios that weights are fitted on."""
_DISAGREEMENT = 0.25
"""Weight of an example's variance between raters in its distance from the expected ratings. More of
it lowers the mismatch, and with it the worth of what the examples' raters liked."""
_FIT_SEED = 3


class Weights(Struct, frozen=True):
    """How a group weighs similarity, stability and contrast (section 3.2.3): signs are of a
    distance, so a measure that makes a good example has a negative weight."""

    similarity: float
    stability: float
    contrast: float
    constant: float = 0.0


class FittedGroup(Struct, frozen=True):
    """What is fitted on a bank for one group, and what retrieval then does."""

    version: str
    weights: FittedWeights | None
    """None without response classes, or with too few ratings."""
    reach: dict[str, Reach] = {}
    """Kind of retrieval -> how many examples it uses."""


class FittedWeights(Struct, frozen=True):
    """A group's weights, fitted on a bank."""

    whole: Weights
    """Fitted on all scenarios, for questions that the bank does not have."""
    folds: tuple[Weights, ...]
    """Fitted without one part of the bank, for the questions of that part."""
    pairs: int
    """Pairs of scenarios that they were fitted on."""

    def of(self, fold: int | None) -> Weights:
        """The weights for a question of a fold, or of none."""
        return self.whole if fold is None else self.folds[fold]


def composite(weights: Weights, ratings: GroupRatings, rows: Ints, similarity: Floats) -> Floats:
    """SPICA's distance of examples from a question: the mismatch that the measures predict.

    `w_d d(x, x') + w_s stability(x') + w_c contrast(x') + c` (section 3.2.3) for the examples in
    `rows` (n,), with their similarities (n,) as d.
    """
    return np.asarray(weights.similarity * similarity + of_example(weights, ratings)[rows])


def of_example(weights: Weights, ratings: GroupRatings) -> Floats:
    """The part of SPICA's distance (s,) that does not depend on the question.

    A measure that too few ratings give is taken to be the mean of all scenarios.
    """
    stable, opinionated = _filled(ratings.stability), _filled(ratings.contrast)
    own = weights.stability * stable + weights.contrast * opinionated
    return np.asarray(own + weights.constant)


def _filled(measure: Floats) -> Floats:
    known = ~np.isnan(measure)
    return np.where(known, measure, measure[known].mean() if known.any() else 0.0)


def from_expected(ratings: GroupRatings, rows: Ints, expected: Floats) -> Floats:
    """Distance of examples (n,) from the expected ratings (c,), in points of the scale.

    The root of the mean square over classes (equation 1 with a mean under the root), in which the
    variance between the example's raters counts as well, with a quarter of its size. An example
    without a class of the expected ratings has no distance: infinity.
    """
    squares = np.square(ratings.means[rows] - expected)
    known = ~np.isnan(squares)
    count = known.sum(axis=1)
    total = np.where(known, squares, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, total / count, np.inf)
    return np.asarray(np.sqrt(mean + _DISAGREEMENT * ratings.disagreement[rows]))


def fit_pairs(scenarios: Ints, questions: Ints) -> tuple[Ints, Ints]:
    """Pairs (question's row, example's row) to fit weights on, of the rows in `scenarios`.

    `questions` numbers the questions of all rows: rows with the same question are no pair. All
    pairs, or as many as `MOST_PAIRS`, always the same.
    """
    count = len(scenarios)
    if count * (count - 1) <= MOST_PAIRS:
        query, example = np.divmod(np.arange(count * count), max(1, count))
    else:
        draw = np.random.default_rng(_FIT_SEED)
        query, example = draw.integers(0, count, (2, MOST_PAIRS))
    query, example = scenarios[query], scenarios[example]
    different = questions[query] != questions[example]
    return query[different], example[different]


def fit_weights(
    ratings: GroupRatings, query: Ints, example: Ints, similarity: Floats, folds: Ints
) -> FittedWeights | None:
    """Fit weights to the observed mismatch of pairs of scenarios by least squares (3.2.3).

    `query`, `example` and `similarity` are (pairs,); `folds` numbers the part of each row of the
    bank. None if fewer than eight pairs have a mismatch.
    """
    observed = mismatch_between_people(ratings.people[query], ratings.people[example])
    known = ~np.isnan(observed)
    if known.sum() < 8:
        return None
    query, example, observed = query[known], example[known], observed[known]
    measures = np.column_stack(
        [
            similarity[known],
            _filled(ratings.stability)[example],
            _filled(ratings.contrast)[example],
            np.ones(len(observed)),
        ]
    )
    whole = _least_squares(measures, observed)
    parts: list[Weights] = []
    for fold in range(FOLDS):
        others = (folds[query] != fold) & (folds[example] != fold)
        enough = others.sum() >= 8
        parts.append(_least_squares(measures[others], observed[others]) if enough else whole)
    return FittedWeights(whole, tuple(parts), len(observed))


class Reach(Struct, frozen=True):
    """How many examples a kind of retrieval uses: the first example for each of some questions."""

    questions: int
    """Questions of the bank, each without its own scenario."""
    examples: int
    """Different scenarios that come first."""
    top_share: float
    """Share of the questions for which one of the three commonest comes first."""

    @property
    def degenerate(self) -> bool:
        """Whether few examples answer most questions."""
        return self.questions >= _FEWEST_QUESTIONS and self.top_share > _DEGENERATE


_TOP = 3
_DEGENERATE = 0.75
_FEWEST_QUESTIONS = 20


def reach_of(first: Ints) -> Reach:
    """Count the examples (questions,) that come first."""
    counts = np.sort(np.unique(first, return_counts=True)[1])[::-1]
    share = float(counts[:_TOP].sum() / len(first)) if len(first) else 0.0
    return Reach(len(first), len(counts), round(share, 4))


def _least_squares(measures: Floats, observed: Floats) -> Weights:
    weights = np.linalg.lstsq(measures, observed, rcond=None)[0]
    return Weights(*(round(float(weight), 6) for weight in weights))
