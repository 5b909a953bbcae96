"""Accuracy on a set of targets, its standard error over scenarios, and chance."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from scripts.benchmark.measures.estimates import NORMAL_95, standard_error
from scripts.benchmark.measures.outcomes import (
    CORRECT,
    TIED,
    UNLABELLED,
    UNSELECTED,
    Bools,
    Pairs,
)


class Accuracy(Struct, frozen=True):
    """Accuracy on a target set: the mean over targets of the share of correct selections."""

    mean: float | None
    """None when no pair can be judged."""
    deviation: float | None
    """Population standard deviation over targets, the paper's ±; None with a single target."""
    error: float | None
    """Standard error of the mean over scenarios; None with fewer than two scenarios."""
    chance: float | None
    """What a uniformly random choice can expect on the same pairs."""
    scenarios: int
    """Scenarios with a pair that counts."""
    targets: int
    """Targets with a pair that counts."""
    pairs: int
    """Pairs that count: labelled, not tied, and with a selection."""
    ties: int
    """Pairs left out because all candidates are equally near the target."""
    unlabelled: int
    """Pairs left out because the scenario labels no attribute of the target."""
    unselected: int
    """Pairs left out because nothing was selected, although the labels decide what is correct."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval over scenarios, normal approximation, within [0, 1]."""
        if self.mean is None or self.error is None:
            return None
        half = NORMAL_95 * self.error
        return max(0.0, self.mean - half), min(1.0, self.mean + half)


def accuracy(pairs: Pairs, where: Bools | None = None) -> Accuracy:
    """Alignment accuracy (section 5.1): ties excluded, averaged over targets.

    With r_t the share correct and n_t the number of pairs of target t, scenario s moves the mean by
    mean_t[(correct_ts - r_t valid_ts) / n_t]; the standard error is the root of n / (n - 1) times
    the sum of the squares of these influences. `where` (S, T) leaves out all other pairs.
    """
    outcomes = pairs.outcomes if where is None else np.where(where, pairs.outcomes, UNLABELLED)
    outside = 0 if where is None else int(where.size - np.count_nonzero(where))
    valid = outcomes >= 0
    counts = valid.sum(axis=0)
    kept = counts > 0
    targets = int(kept.sum())
    scenarios = int(valid.any(axis=1).sum())
    left_out = {
        "ties": int(np.count_nonzero(outcomes == TIED)),
        "unlabelled": int(np.count_nonzero(outcomes == UNLABELLED)) - outside,
        "unselected": int(np.count_nonzero(outcomes == UNSELECTED)),
    }
    if not targets:
        return Accuracy(None, None, None, None, 0, 0, 0, **left_out)
    share = 1.0 / np.maximum(counts, 1) * kept
    rates = (outcomes == CORRECT).sum(axis=0) * share
    influences = np.empty(len(outcomes))
    chance = 0.0
    for row, outcome in enumerate(outcomes):  # the (S, T) arrays of floats would be large
        here = valid[row] * share
        influences[row] = ((outcome == CORRECT) * share).sum() - (here * rates).sum()
        chance += float((here * pairs.nearest[row]).sum()) / int(pairs.candidates[row])
    return Accuracy(
        mean=float(rates[kept].mean()),
        deviation=float(rates[kept].std()) if targets > 1 else None,
        error=standard_error(influences / targets, scenarios),
        chance=chance / targets,
        scenarios=scenarios,
        targets=targets,
        pairs=int(counts.sum()),
        **left_out,
    )


def accuracy_by_size(pairs: Pairs) -> dict[int, Accuracy]:
    """Accuracy by the number of attributes of the target (figure 8), as the scenario sees it."""
    sizes = [int(n) for n in np.unique(pairs.sizes) if n > 0]
    return {size: accuracy(pairs, pairs.sizes == size) for size in sizes}
