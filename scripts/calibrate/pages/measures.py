"""Errors, learning curves, reliability and disagreements, from predictions of trials. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scripts.benchmark.measures.estimates import NORMAL_95
from scripts.calibrate.pages.trials import Prediction, Trial

MORE = (20, 50, 100, 200)
"""Further labelled scenarios whose worth is estimated."""
_BIN = 30
"""Least predictions behind a point of a reliability plot."""
_MOST_BINS = 8
_LEAST_ERROR = 1e-3


@dataclass(frozen=True, slots=True)
class Point:
    """Fits on one number of scenarios, for one attribute."""

    size: int
    draws: int
    error: float
    """Root mean square of the difference from the labels, mean over draws."""
    low: float
    """Of the draws."""
    high: float
    constant: float
    """The error if the mean label were predicted."""
    judged: int
    """Draws whose fit uses the judge."""
    pairs: float | None
    """Share of pairs of responses with different labels that are in the right order."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about the same value."""

    predicted: float
    label: float
    """Mean label."""
    half: float
    """Half the width of its 95 % interval."""
    count: int


@dataclass(frozen=True, slots=True)
class Honesty:
    """Standard errors of answers against the errors that were found."""

    claimed: float
    found: float
    within_one: float
    """Share of labels within one standard error."""
    within_two: float
    """Share of labels within 1.96 standard errors."""


def attributes_of(trials: Sequence[Trial]) -> list[str]:
    """The attributes that trials predict, in the order in which they come."""
    return list(dict.fromkeys(p.attribute for trial in trials for p in trial.predictions))


def unseen(trials: Sequence[Trial]) -> list[Prediction]:
    """What the largest fits predict: each response once for each attribute."""
    done = [trial for trial in trials if trial.predictions]
    largest = max((trial.size for trial in done), default=0)
    return [p for trial in done if trial.size == largest for p in trial.predictions]


def curve(trials: Sequence[Trial], attribute: str) -> list[Point]:
    """A point for each size, in order, of the trials that could be fitted."""
    points: list[Point] = []
    for size in sorted({trial.size for trial in trials}):
        here = [trial for trial in trials if trial.size == size]
        every = [
            own
            for trial in here
            if (own := [p for p in trial.predictions if p.attribute == attribute])
        ]
        if not every:
            continue
        errors = [error_of(own) for own in every]
        labels = [p.label for own in every for p in own]
        pairs = [share for own in every if (share := pairs_in_order(own)) is not None]
        points.append(
            Point(
                size=size,
                draws=len(every),
                error=float(np.mean(errors)),
                low=min(errors),
                high=max(errors),
                constant=float(np.std(labels)),
                judged=sum(attribute in trial.judged for trial in here),
                pairs=float(np.mean(pairs)) if pairs else None,
            )
        )
    return points


def error_of(
    predictions: Sequence[Prediction], score: Callable[[Prediction], float] = lambda p: p.used
) -> float:
    """Root mean square error; each scenario counts once."""
    squares: dict[str, list[float]] = defaultdict(list)
    for one in predictions:
        squares[one.scenario].append((score(one) - one.label) ** 2)
    return float(np.sqrt(np.mean([np.mean(own) for own in squares.values()])))


def pairs_in_order(predictions: Sequence[Prediction]) -> float | None:
    """Share of pairs of one scenario in the right order; equal scores count as half."""
    scenarios: dict[str, list[Prediction]] = defaultdict(list)
    for one in predictions:
        scenarios[one.scenario].append(one)
    right = [
        (1 + float(np.sign(a.used - b.used) * np.sign(a.label - b.label))) / 2
        for own in scenarios.values()
        for a, b in itertools.combinations(own, 2)
        if a.label != b.label
    ]
    return float(np.mean(right)) if right else None


def expected(points: Sequence[Point], scenarios: Sequence[int]) -> list[float] | None:
    """The error to expect from fits on so many scenarios; None with fewer than three points.

    Errors of regressions fall about as `a + b / sqrt(n)`; `a` and `b` are fitted to the points.
    """
    if len(points) < 3:
        return None
    x = np.array([point.size**-0.5 for point in points])
    y = np.array([point.error for point in points])
    slope = max(0.0, float(((x - x.mean()) * (y - y.mean())).sum() / np.square(x - x.mean()).sum()))
    floor = float(y.mean() - slope * x.mean())
    return [max(0.0, floor + slope * count**-0.5) for count in scenarios]


def reliability(predictions: Sequence[Prediction]) -> list[Bin]:
    """Predictions in order, in up to eight equally large bins."""
    ordered = sorted(predictions, key=lambda one: one.used)
    count = max(1, min(_MOST_BINS, len(ordered) // _BIN))
    bins: list[Bin] = []
    for places in np.array_split(np.arange(len(ordered)), count):
        if not len(places):
            continue
        own = [ordered[place] for place in places]
        labels = np.array([one.label for one in own])
        half = NORMAL_95 * float(labels.std(ddof=1)) / len(own) ** 0.5 if len(own) > 1 else 0.0
        mean = float(np.mean([one.used for one in own]))
        bins.append(Bin(mean, float(labels.mean()), half, len(own)))
    return bins


def honesty(predictions: Sequence[Prediction]) -> Honesty:
    """How standard errors compare with errors."""
    claimed = np.array([one.error for one in predictions])
    found = np.abs([one.used - one.label for one in predictions])
    return Honesty(
        claimed=float(np.sqrt(np.square(claimed).mean())),
        found=float(np.sqrt(np.square(found).mean())),
        within_one=float((found <= claimed).mean()),
        within_two=float((found <= NORMAL_95 * claimed).mean()),
    )


def surprise(prediction: Prediction) -> float:
    """How many standard errors a label lies away from the score."""
    return abs(prediction.used - prediction.label) / max(prediction.error, _LEAST_ERROR)


def disagreements(predictions: Sequence[Prediction], most: int) -> list[Prediction]:
    """The labels farthest from the scores, in standard errors; the farthest first."""
    return sorted(
        predictions, key=lambda one: (-surprise(one), one.scenario, one.response, one.attribute)
    )[:most]
