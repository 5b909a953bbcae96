"""Whether groups differ at all: shares of variance, people dealt at random, people needed. Pure.

People are the sample, not ratings: intervals weigh people anew, and p counts how often people dealt
at random to the groups differ as much. Shapes: `P` people, `G` groups, `K` classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.people.components import PARTS, PairProducts
from app.domain.people.model import PeopleModel, coverage

DIFFERENCES = (0.5, 0.3, 0.2)
"""Differences of two groups' means, in points of a scale from 1 to 5; others in proportion."""
DEALS = 999
"""Times that people are dealt to groups."""
DRAWS = 200
"""Times that people are weighted anew for intervals."""
_MOST_RATINGS_DRAWN = 10_000_000
"""Ratings x draws: larger banks are drawn less often, at least 40 times."""
_MOST_PRODUCTS = 2_000_000_000
"""The same for deals: people x groups x classes x deals, at least 99."""
_POWER = 7.848879734349088
"""(z_0.975 + z_0.8) squared: a test at 5 % that finds a difference four times in five."""
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Share:
    """What one part explains of the variance of ratings."""

    part: str
    share: float
    low: float
    high: float
    """Ends of the 95 % interval, over samples of people."""

    @property
    def measurable(self) -> bool:
        """Whether it is more than nothing."""
        return self.low > 0


@dataclass(frozen=True)
class Needed:
    """How many people each of two groups needs, to find a difference of their means."""

    points: float
    people: int
    """For a class of middling variance."""
    by_class: tuple[int, ...]


@dataclass(frozen=True)
class Audit:
    """What a bank's ratings support."""

    ratings: int
    people: int
    shares: tuple[Share, ...]
    p: float | None
    """Probability that people dealt at random differ as much; None with fewer than two groups."""
    deals: int
    needed: tuple[Needed, ...]
    words: tuple[str, ...]
    coverage: tuple[float | None, ...]
    """For each class, the share of ratings in the interval that is expected from other ratings of
    the person, by a fit on other people; None without ratings."""


def audit(
    model: PeopleModel, membership: NDArray[np.bool_], *, deals: int = DEALS, draws: int = DRAWS
) -> Audit:
    """Audit a fitted bank. `membership` is (P, G). The same ratings get the same answer."""
    visits = model.visits
    ratings = int((~np.isnan(visits.ratings)).sum())
    rated = np.asarray(visits.counts().any(axis=1))
    source = np.random.default_rng(0)
    if ratings:
        draws = max(40, min(draws, _MOST_RATINGS_DRAWN // ratings))
        shares = _shares(PairProducts(visits, membership), rated, source, draws)
    else:
        shares = tuple(Share(part, 0.0, 0.0, 0.0) for part in PARTS)
    products = max(1, membership.size * len(model.classes))
    deals = max(99, min(deals, _MOST_PRODUCTS // products))
    inhabited = int((membership & rated[:, None]).any(axis=0).sum())
    p = None
    if inhabited > 1:
        p = dealt_p(visits.means()[rated], membership[rated], source, deals)
    return Audit(
        ratings,
        int(rated.sum()),
        shares,
        p,
        deals,
        people_needed(model),
        in_words(shares, p, len(model.classes)),
        coverage(visits, model.scale),
    )


def _shares(
    products: PairProducts, rated: NDArray[np.bool_], source: np.random.Generator, draws: int
) -> tuple[Share, ...]:
    whole = products.shares(rated.astype(np.float64))
    drawn = np.array(
        [products.shares(rated * source.standard_exponential(len(rated))) for _ in range(draws)]
    )
    ends = np.quantile(drawn, [0.025, 0.975], axis=0)
    # Weighing people anew adds its own chance to squares; the spread counts, not the place.
    ends = ends - np.median(drawn, axis=0) + whole
    return tuple(
        Share(part, float(whole[i]), float(ends[0, i]), float(ends[1, i]))
        for i, part in enumerate(PARTS)
    )


def dealt_p(
    means: Floats, membership: NDArray[np.bool_], source: np.random.Generator, deals: int
) -> float:
    """Share of deals, the observed one included, in which groups differ at least as much.

    `means` (P, K) are people's means, NaN where there is none. People change places, not ratings:
    those of one person go together. Compared is the sum of squares between groups.
    """
    rated = ~np.isnan(means)
    count = np.maximum(rated.sum(axis=0), 1)
    around = np.where(rated, means - np.where(rated, means, 0.0).sum(axis=0) / count, 0.0)
    given = rated.astype(np.float64)
    members = membership.T.astype(np.float64)

    def between(order: NDArray[np.intp]) -> float:
        number = members @ given[order]
        total = members @ around[order]
        return float((total**2 / np.maximum(number, 1.0)).sum())

    own = np.arange(len(means))
    observed = between(own)
    as_much = sum(between(source.permutation(own)) >= observed - 1e-9 for _ in range(deals))
    return (1 + as_much) / (1 + deals)


def people_needed(model: PeopleModel) -> tuple[Needed, ...]:
    """People in each of two groups: 2 (z_0.975 + z_0.8)^2 s2 / d^2.

    s2 is the variance of one person's mean for a class: S_b + S_w / m, with m ratings of the class
    from each person, as in the bank.
    """
    counts = model.visits.counts()
    rated = counts > 0
    inverse = np.where(rated, 1 / np.maximum(counts, 1), 0.0)
    noise = inverse.sum(axis=0) / np.maximum(rated.sum(axis=0), 1)
    variance = np.diag(model.spread.between) + np.diag(model.spread.within) * noise
    low, high = model.scale
    needed = []
    for points in DIFFERENCES:
        difference = points * (high - low) / 4
        each = [max(2, math.ceil(2 * _POWER * float(v) / difference**2)) for v in variance]
        middling = max(2, math.ceil(2 * _POWER * float(variance.mean()) / difference**2))
        needed.append(Needed(difference, middling, tuple(each)))
    return tuple(needed)


def in_words(shares: Sequence[Share], p: float | None, classes: int) -> tuple[str, ...]:
    """What the audit says, in sentences."""
    of = {one.part: one for one in shares}
    person = of["person"]
    if p is None:
        groups = "The bank has fewer than two groups with ratings, so nothing can be said of groups"
    elif p < SIGNIFICANT:
        groups = (
            f"These groups differ: they explain {of['group'].share:.1%} of the variance, and "
            f"people dealt at random differ as much in {p:.1%} of the deals"
        )
    else:
        groups = (
            "These groups do not differ measurably: people dealt at random differ as much in "
            f"{p:.0%} of the deals"
        )
    people = (
        f"single people do, and explain {person.share:.0%}"
        if person.measurable
        else "single people do not differ measurably either"
        if p is not None and p >= SIGNIFICANT
        else "single people do not differ measurably"
    )
    sentences = [f"{groups}; {people}." if p is not None else f"{groups}."]
    if classes > 1:
        share = of["class"].share
        sentences.append(
            f"Classes of response explain {share:.0%}, prompts {of['prompt'].share:.0%}."
        )
    return tuple(sentences)
