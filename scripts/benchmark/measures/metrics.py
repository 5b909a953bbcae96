"""Measures of a run: accuracy, its standard error and chance, errors of scores, leaning, cost.

Pure and in arrays. Shapes: `S` scenarios, `T` targets of a set, `C` candidates of a scenario. Pairs
are pairs of a scenario and a target. Accuracies and shares are in [0, 1]. Standard errors are over
scenarios: the targets of a set are given, the scenarios are a sample.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.domain.methods import METHODS
from app.domain.selection.distance import distances
from app.domain.selection.ranking import TIE_TOLERANCE
from app.domain.selection.targets import TargetMatrix, target_matrix
from scripts.benchmark.records.results import (
    NONE,
    Results,
    Run,
    ScenarioResult,
    TargetSet,
    decode_choices,
)
from scripts.benchmark.records.targets import wishes_for

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.int8]
Labels = Sequence[Mapping[str, float]]

NORMAL_95 = 1.959963984540054
"""Half the width of a 95 % interval in standard errors."""

CORRECT, WRONG, UNSELECTED, TIED, UNLABELLED = 1, 0, -1, -2, -3
"""Outcomes of pairs. Those below 0 are left out of every accuracy: nothing was selected, all
candidates lie equally near the target, or the scenario labels no attribute of the target."""

BOOTSTRAP_CHUNK = 2048
"""Targets whose resampled accuracies are held at a time."""


# Which selection is correct


class Pairs(Struct, frozen=True):
    """What came of every pair of a run on one target set."""

    ids: tuple[str, ...]
    """Ids of the `S` scenarios."""
    outcomes: Bytes
    """(S, T): `CORRECT`, `WRONG`, `UNSELECTED`, `TIED` or `UNLABELLED`."""
    nearest: Bytes
    """(S, T): how many candidates lie nearest the target."""
    candidates: Bytes
    """(S,): how many candidates the scenario has."""
    sizes: Bytes
    """(S, T): attributes that the target names and the scenario labels."""


def common_attributes(labels: Labels) -> tuple[str, ...]:
    """Attributes that every candidate of a scenario has a label for, in the first one's order."""
    return tuple(name for name in labels[0] if all(name in other for other in labels[1:]))


class Restricted(Struct, frozen=True):
    """The targets of a set as scenarios with certain labels see them."""

    matrix: TargetMatrix
    """The `U` targets that still differ."""
    place: NDArray[np.intp]
    """(T,): which of them each target of the set has become."""
    sizes: Bytes
    """(T,): attributes that are left."""


def restrict(targets: TargetMatrix, attributes: Iterable[str]) -> Restricted:
    """Leave in the targets only what is in `attributes`, and put those together that are equal."""
    known = set(attributes)
    columns = [i for i, name in enumerate(targets.attributes) if name in known]
    values, named = targets.values[:, columns], targets.named[:, columns]
    if len(columns) == len(targets.attributes) or not columns or not len(values):
        first = place = np.arange(len(values), dtype=np.intp)
    else:
        key = np.where(named, values, -1.0)  # no wish is below 0
        _, first, place = np.unique(key, axis=0, return_index=True, return_inverse=True)
    matrix = TargetMatrix(
        tuple(targets.attributes[i] for i in columns),
        values[first],
        targets.weights[:, columns][first],
        named[first],
    )
    return Restricted(matrix, place.reshape(-1), named.sum(axis=1).astype(np.int8))


def correct_candidates(labels: Labels, targets: TargetMatrix) -> Bools:
    """Which candidates' labels lie nearest each target (section 5.1, alignment score): (T, C).

    Every attribute of `targets` must be labelled for all candidates. Where a target names none,
    all candidates are equally near.
    """
    values = np.array([[label[name] for name in targets.attributes] for label in labels])
    distance = distances(values.reshape(len(labels), len(targets.attributes)), targets)
    limit: Floats = distance.min(axis=1, keepdims=True) + TIE_TOLERANCE
    return np.asarray(distance <= limit)


def judge(scenarios: Sequence[ScenarioResult], target_set: TargetSet) -> Pairs:
    """Tell for each scenario and target whether the candidate nearest by labels was selected.

    Raises `ValueError` when a scenario's selections do not fit the set.
    """
    targets = target_matrix(target_set.expand())
    shape = (len(scenarios), len(targets.values))
    outcomes, nearest, sizes = (np.zeros(shape, dtype=np.int8) for _ in range(3))
    seen: dict[frozenset[str], Restricted] = {}
    for row, scenario in enumerate(scenarios):
        attributes = frozenset(common_attributes(scenario.labels))
        if attributes not in seen:
            seen[attributes] = restrict(targets, attributes)
        group = seen[attributes]
        correct = correct_candidates(scenario.labels, group.matrix)
        choices = selections(scenario, target_set.name, shape[1])
        outcomes[row] = correct[group.place, np.maximum(choices, 0)]
        outcomes[row, choices < 0] = UNSELECTED
        nearest[row] = correct.sum(axis=1)[group.place]
        outcomes[row, nearest[row] == len(scenario.labels)] = TIED
        outcomes[row, group.sizes == 0] = UNLABELLED
        sizes[row] = group.sizes
    candidates = np.array([len(s.labels) for s in scenarios], dtype=np.int8)
    return Pairs(tuple(s.id for s in scenarios), outcomes, nearest, candidates, sizes)


def selections(scenario: ScenarioResult, target_set: str, targets: int) -> Bytes:
    """Index of the selected candidate for each of `targets` targets, -1 for none: (T,).

    Raises `ValueError` when there are not as many, or a letter stands for no candidate.
    """
    choices = decode_choices(scenario.selected.get(target_set, "-" * targets))
    if len(choices) != targets:
        raise ValueError(
            f"scenario {scenario.id}: {len(choices)} selections for the {targets} targets of "
            f"{target_set!r}"
        )
    if len(choices) and not -1 <= choices.min() <= choices.max() < len(scenario.labels):
        raise ValueError(f"scenario {scenario.id}: a selection for {target_set!r} is no candidate")
    return choices


# Accuracy


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
    """Pairs left out because nothing was selected, although the labels tell what is correct."""

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
        error=_standard_error(influences / targets, scenarios),
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


def _standard_error(influences: Floats, n: int) -> float | None:
    """Standard error of an estimate from the influences of its `n` independent parts."""
    if n < 2:
        return None
    return math.sqrt(n / (n - 1) * float(np.square(influences).sum()))


class Ratio(Struct, frozen=True):
    """A share or mean over parts that come in scenarios."""

    value: float | None
    """None without any part."""
    error: float | None
    """Standard error over scenarios; None with fewer than two."""
    scenarios: int
    """Scenarios with at least one part."""
    parts: int

    @classmethod
    def of(cls, sums: Sequence[float], counts: Sequence[int]) -> Ratio:
        """From the sum and the number of parts of each scenario; both (S,)."""
        total, parts = np.array(sums, dtype=np.float64), np.array(counts, dtype=np.float64)
        n, scenarios = float(parts.sum()), int(np.count_nonzero(parts))
        if not n:
            return cls(None, None, 0, 0)
        value = float(total.sum()) / n
        error = _standard_error((total - value * parts) / n, scenarios)
        return cls(value, error, scenarios, int(n))


# Scores against labels


class AttributeQuality(Struct, frozen=True):
    """How well the scores of one attribute agree with its labels."""

    attribute: str
    labels: int
    """Candidates with a label, in scenarios that did not fail."""
    absolute_error: Ratio
    """Mean of |score - label| over candidates."""
    correlation: float | None
    """Spearman's rank correlation over all candidates; None when either side is constant."""
    pairwise: Ratio
    """Share of pairs of candidates of one scenario with different labels that the scores put in the
    right order; equal scores count a half."""
    tied: Ratio
    """Share of scenarios in which at least two candidates have the same score."""
    unscored: dict[str, int]
    """Reason -> scenarios that label the attribute but have no scores for it."""


def attribute_quality(scenarios: Sequence[ScenarioResult], attribute: str) -> AttributeQuality:
    """Compare the scores of an attribute with its labels, where a candidate has both."""
    labelled = 0
    reasons: Counter[str] = Counter()
    pairs: list[tuple[Floats, Floats]] = []
    for scenario in scenarios:
        has = [i for i, label in enumerate(scenario.labels) if attribute in label]
        labelled += len(has)
        scores = scenario.scores.get(attribute)
        if has and scores is not None:
            labels = np.array([scenario.labels[i][attribute] for i in has])
            pairs.append((labels, np.array([scores[i] for i in has])))
        elif has and attribute in scenario.unscored:
            reasons[scenario.unscored[attribute]] += 1
    orders = [_pair_order(labels, scores) for labels, scores in pairs]
    return AttributeQuality(
        attribute=attribute,
        labels=labelled,
        absolute_error=Ratio.of(
            [float(np.abs(scores - labels).sum()) for labels, scores in pairs],
            [len(labels) for labels, _ in pairs],
        ),
        correlation=spearman(
            np.concatenate([labels for labels, _ in pairs] or [np.zeros(0)]),
            np.concatenate([scores for _, scores in pairs] or [np.zeros(0)]),
        ),
        pairwise=Ratio.of([right for right, _ in orders], [count for _, count in orders]),
        tied=Ratio.of(
            [float((np.diff(np.sort(scores)) <= TIE_TOLERANCE).any()) for _, scores in pairs],
            [int(len(scores) > 1) for _, scores in pairs],
        ),
        unscored=dict(sorted(reasons.items())),
    )


def _pair_order(labels: Floats, scores: Floats) -> tuple[float, int]:
    """Pairs of candidates in the right order (ties of scores a half), and pairs with an order."""
    left, right = np.triu_indices(len(labels), k=1)
    wanted = _sign(labels[left] - labels[right])
    got = _sign(scores[left] - scores[right])
    ordered = wanted != 0
    return float((0.5 + 0.5 * wanted * got)[ordered].sum()), int(ordered.sum())


def _sign(difference: Floats) -> Floats:
    """-1, 0 or 1, with 0 for what is equal but for rounding."""
    return np.where(np.abs(difference) <= TIE_TOLERANCE, 0.0, np.sign(difference))


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values getting the mean of their ranks: (N,) -> (N,)."""
    _, place, counts = np.unique(values.round(9), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


def spearman(a: Floats, b: Floats) -> float | None:
    """Spearman's rank correlation of two (N,) arrays; None when one of them is constant."""
    if len(a) < 2:
        return None
    x, y = average_ranks(a), average_ranks(b)
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale else None


def unscored_reasons(scenarios: Iterable[ScenarioResult]) -> dict[str, int]:
    """Reason -> cells without a score or choice, over all attributes."""
    return dict(sorted(Counter(r for s in scenarios for r in s.unscored.values()).items()))


# Order, leaning, cost


def order_flips(scenarios: Sequence[ScenarioResult], target_set: str) -> Ratio:
    """Share of pairs whose selection changes when the candidates are shown in reverse order.

    Only pairs with a selection in both orders count.
    """
    flips, counts = [], []
    for scenario in scenarios:
        forward = decode_choices(scenario.forward.get(target_set, ""))
        backward = decode_choices(scenario.reversed.get(target_set, ""))
        if not len(forward) or len(forward) != len(backward):
            continue
        both = (forward >= 0) & (backward >= 0)
        flips.append(float((forward != backward)[both].sum()))
        counts.append(int(both.sum()))
    return Ratio.of(flips, counts)


def position_biases(scenarios: Sequence[ScenarioResult]) -> dict[str, Ratio]:
    """For each attribute the mean change of a score from the first place in a prompt to the last.

    Over the scenarios that were asked for in both orders; positive where later candidates fare
    better. For methods that choose it is `(choice)`, in shares of the votes.
    """
    names = dict.fromkeys(name for s in scenarios for name in s.position_bias)
    found: dict[str, Ratio] = {}
    for name in names:
        biases = [s.position_bias[name] for s in scenarios if name in s.position_bias]
        found[name] = Ratio.of(biases, [1] * len(biases))
    return found


class Leaning(Struct, frozen=True):
    """What the selected candidates are like on one attribute (figure 7)."""

    attribute: str
    selected: Ratio
    """Mean label of the selected candidate."""
    difference: Ratio
    """The same minus the mean label of all candidates of the scenario: above 0, the run leans to
    candidates that have more of the attribute."""


def leaning(
    scenarios: Sequence[ScenarioResult], target_set: str, attributes: Iterable[str]
) -> tuple[Leaning, ...]:
    """Mean labels of selected candidates over the targets of a set.

    Each scenario weighs the same. Methods that read no target have the same leaning on every set.
    """
    shares = [_selection_shares(s, target_set) for s in scenarios]
    found = []
    for attribute in attributes:
        selected, difference = [], []
        for scenario, share in zip(scenarios, shares, strict=True):
            if share is None or any(attribute not in label for label in scenario.labels):
                continue
            labels = np.array([label[attribute] for label in scenario.labels])
            selected.append(float(share @ labels))
            difference.append(float(share @ labels - labels.mean()))
        ones = [1] * len(selected)
        found.append(Leaning(attribute, Ratio.of(selected, ones), Ratio.of(difference, ones)))
    return tuple(found)


def _selection_shares(scenario: ScenarioResult, target_set: str) -> Floats | None:
    """How often each candidate was selected, adding up to 1: (C,). None if none ever was."""
    choices = decode_choices(scenario.selected.get(target_set, ""))
    counts = np.bincount(choices[choices >= 0], minlength=len(scenario.labels))
    return counts / counts.sum() if counts.any() else None


class Cost(Struct, frozen=True):
    """What a scenario takes on the average; of methods that read the target, each of its targets.

    Those are asked once for each target, the others once for all.
    """

    scenarios: int
    prompt_tokens: float | None
    cached_prompt_tokens: float | None
    """Part of `prompt_tokens` that the engine took from its prefix cache."""
    output_tokens: float | None
    timed: int
    """Scenarios whose time counts: none of their scores came from Azimuth's cache."""
    mean_seconds: float | None
    """From request to answer, divided by the requests in flight; None when no time counts.

    By Little's law: with N in flight all the time, one is done every (latency / N). So many seconds
    of the machine it takes, whatever number is in flight.
    """
    median_seconds: float | None
    per_target: bool = False
    """Whether figures are for each target of a scenario."""


def cost(results: Results) -> Cost:
    """Mean tokens, and seconds of the scenarios that were not answered from the cache (table 9)."""
    scenarios = results.answered
    method = METHODS.get(results.run.method)
    per_target = method is not None and method.reads_target
    # Tokens and seconds of a scenario are sums over the answers that were read for it.
    answers = [max(1, _answers_of(s, results.run)) if per_target else 1 for s in scenarios]
    every = list(zip(scenarios, answers, strict=True))
    seconds = [s.seconds / n / results.concurrency_of(s) for s, n in every if not s.cached]
    return Cost(
        scenarios=len(scenarios),
        per_target=per_target,
        prompt_tokens=_mean([s.usage.prompt_tokens / n for s, n in every]),
        cached_prompt_tokens=_mean([s.usage.cached_prompt_tokens / n for s, n in every]),
        output_tokens=_mean([s.usage.output_tokens / n for s, n in every]),
        timed=len(seconds),
        mean_seconds=_mean(seconds),
        median_seconds=float(np.median(seconds)) if seconds else None,
    )


def _answers_of(scenario: ScenarioResult, run: Run) -> int:
    """How many different targets, as the scenario sees them, have a selection."""
    wishes = wishes_for(common_attributes(scenario.labels), run.target_sets)
    return len(
        {
            place
            for name, places in wishes.places.items()
            for place, letter in zip(places.tolist(), scenario.selected[name], strict=True)
            if letter != NONE
        }
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


# Two runs


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
    found = _resampled(draws.astype(np.float32), won[1].astype(np.int8) - won[0], valid)
    low, high = np.percentile(found, [2.5, 97.5])
    return Difference(
        a=rate_a,
        b=rate_b,
        difference=observed,
        interval=(float(low), float(high)),
        opposite=float((found * np.sign(observed) <= 0).mean()),
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
