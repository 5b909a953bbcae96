"""The difference in accuracy of two runs, by a paired bootstrap over scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scripts.benchmark.measures.estimates import Floats
from scripts.benchmark.measures.outcomes import (
    CORRECT,
    UNSELECTED,
    Bools,
    Bytes,
    Pairs,
)

BOOTSTRAP_CHUNK = 2048
"""Targets whose resampled accuracies are held at a time."""

Verdict = Literal["better", "worse", "unclear"]


class Difference(Struct, frozen=True):
    """Accuracy of run `b` minus that of run `a` on the same pairs."""

    a: float | None
    b: float | None
    """Accuracy on the pairs that both runs have a selection for."""
    difference: float | None
    interval: tuple[float, float] | None
    """95 % percentile interval; None with fewer than two scenarios."""
    opposite: float | None
    """Share of resamples in which the difference is zero or of the other sign."""
    scenarios: int
    """Scenarios that both runs have and that have a pair that counts."""
    pairs: int
    dropped: int
    """Pairs of these scenarios left out of both runs because either has no selection."""

    @property
    def verdict(self) -> Verdict:
        """Whether the interval leaves out zero, and on which side of it the second run is."""
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return "unclear"
        return "better" if self.interval[0] > 0 else "worse"


def paired_difference(a: Pairs, b: Pairs, *, resamples: int = 2000, seed: int = 0) -> Difference:
    """Paired bootstrap over the scenarios that two runs share, on one target set.

    Scenarios are drawn with replacement, `resamples` times; all pairs of a drawn scenario come with
    it. Raises `ValueError` when the runs do not have the same targets or labels.
    """
    first, second = _shared_rows(a, b)
    left, right = a.outcomes[first], b.outcomes[second]
    if left.shape != right.shape or not np.array_equal(a.nearest[first], b.nearest[second]):
        raise ValueError("the runs do not have the same targets and labels")
    valid = (left >= 0) & (right >= 0)
    dropped = int(np.count_nonzero(((left == UNSELECTED) | (right == UNSELECTED)) & ~valid))
    rows = valid.any(axis=1)
    left, right, valid = left[rows], right[rows], valid[rows]
    n = len(valid)
    if not n:
        return Difference(None, None, None, None, None, 0, 0, dropped)
    won = (valid & (left == CORRECT), valid & (right == CORRECT))
    once = np.ones((1, n), dtype=np.float32)
    rate_a, rate_b = (float(_resampled(once, w.astype(np.int8), valid)[0]) for w in won)
    observed = float(_resampled(once, won[1].astype(np.int8) - won[0], valid)[0])
    if n < 2:
        return Difference(rate_a, rate_b, observed, None, None, n, int(valid.sum()), dropped)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    resampled = _resampled(draws.astype(np.float32), won[1].astype(np.int8) - won[0], valid)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Difference(
        a=rate_a,
        b=rate_b,
        difference=observed,
        interval=(float(low), float(high)),
        opposite=float((resampled * np.sign(observed) <= 0).mean()),
        scenarios=n,
        pairs=int(valid.sum()),
        dropped=dropped,
    )


def _shared_rows(a: Pairs, b: Pairs) -> tuple[list[int], list[int]]:
    """Rows of the scenarios that are in both, in the order of `a`."""
    there = {name: row for row, name in enumerate(b.ids)}
    shared = [(row, there[name]) for row, name in enumerate(a.ids) if name in there]
    return [row for row, _ in shared], [row for _, row in shared]


def _resampled(draws: NDArray[np.float32], points: Bytes, valid: Bools) -> Floats:
    """Mean over targets of points a pair when scenario s counts `draws[b, s]` times: (B,).

    `points` and `valid` are (S, T). Sums are of small whole numbers, exact as 32-bit floats.
    """
    total = np.zeros(len(draws))
    targets = np.zeros(len(draws))
    for chunk in _chunks(valid.shape[1]):
        counts = draws @ valid[:, chunk].astype(np.float32)
        sums = draws @ points[:, chunk].astype(np.float32)
        total += (sums / np.maximum(counts, 1)).sum(axis=1, dtype=np.float64)
        targets += (counts > 0).sum(axis=1)
    mean: Floats = total / np.maximum(targets, 1)
    return mean


def _chunks(length: int) -> Iterator[slice]:
    for start in range(0, length, BOOTSTRAP_CHUNK):
        yield slice(start, start + BOOTSTRAP_CHUNK)
