"""From the answers to several asks to a cell's scores: means, spreads, position bias. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.domain.cells import CandidateScore, Unscored, Usage
from workers.methods.base import Ask, Judgement
from workers.methods.digit_reading.method import expected_digit


@dataclass(frozen=True, slots=True)
class Reading:
    """What one ask has given."""

    judgements: tuple[tuple[Judgement, ...], ...] = ()
    """One tuple for each valid answer."""
    discarded: int = 0
    """Invalid answers."""
    problem: Unscored | None = None
    """Why there is no valid answer at all."""
    usage: Usage = field(default_factory=Usage)

    def about(self, attribute: str) -> Reading:
        """Return the part about one of several attributes."""
        judgements = tuple(
            tuple(judgement for judgement in answer if judgement.attribute == attribute)
            for answer in self.judgements
        )
        return replace(self, judgements=judgements)

    def of(self, position: int) -> list[Judgement]:
        """Return the judgements of one candidate, one for each valid answer."""
        return [j for answer in self.judgements for j in answer if j.position == position]


def average(candidates: int, readings: Sequence[Reading]) -> tuple[CandidateScore, ...]:
    """Return the mean and population standard deviation of every candidate's scores.

    Every ask has the same weight, however many of its samples were valid: a presentation order must
    not weigh more because more of its answers were valid.
    """
    return tuple(
        _average_of_one([reading.of(position) for reading in readings])
        for position in range(candidates)
    )


def _average_of_one(groups: Sequence[Sequence[Judgement]]) -> CandidateScore:
    """Average one candidate's judgements, grouped by ask."""
    judgements = [judgement for group in groups for judgement in group]
    values = tuple(judgement.score for judgement in judgements)
    mean = statistics.fmean(statistics.fmean(j.score for j in group) for group in groups if group)
    spread = statistics.pstdev(values) if len(values) > 1 else 0.0
    digits = _mean_probabilities([j.probabilities for j in judgements if j.probabilities])
    expected = expected_digit(digits) if digits else None
    return CandidateScore(
        score=round(mean, 6),
        spread=round(spread, 6),
        reasoning=next((j.reasoning for j in judgements if j.reasoning is not None), None),
        values=values,
        digits=expected.reading if expected else None,
    )


def _mean_probabilities(orders: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Average the digits' probabilities over orders: mean shares times mean mass.

    Every order has the same weight, as in the score, however likely the model is in it to write a
    digit at all.
    """
    masses = [math.fsum(order) for order in orders]
    shares = [[p / mass for p in order] for order, mass in zip(orders, masses, strict=True)]
    mass = statistics.fmean(masses) if masses else 0.0
    return tuple(mass * statistics.fmean(column) for column in zip(*shares, strict=True))


def position_bias(asks: Sequence[Ask], readings: Sequence[Reading]) -> float | None:
    """Return how much a score changes when its candidate moves from the first place to the last.

    This is the slope, by least squares, of the scores on the relative place (0 first, 1 last)
    within candidates: each candidate's own mean is subtracted first. In units of the scores;
    positive if later candidates score higher. None if every candidate had one place only.
    """
    places: dict[int, list[float]] = {}
    scores: dict[int, list[float]] = {}
    for ask, reading in zip(asks, readings, strict=True):
        last = len(ask.positions) - 1
        for judgement in (j for answer in reading.judgements for j in answer) if last else ():
            place = ask.positions.index(judgement.position) / last
            places.setdefault(judgement.position, []).append(place)
            scores.setdefault(judgement.position, []).append(judgement.score)
    covered = shared = 0.0
    for position, x in places.items():
        x_mean, y_mean = statistics.fmean(x), statistics.fmean(scores[position])
        covered += sum((a - x_mean) ** 2 for a in x)
        shared += sum((a - x_mean) * (b - y_mean) for a, b in zip(x, scores[position], strict=True))
    return round(shared / covered, 6) if covered > 0 else None
