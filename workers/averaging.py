"""From the answers to several asks to a cell's scores: means, spreads, position bias. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.cells import CandidateScore, DigitReading, Unscored, Usage
from workers.methods.base import Ask, Judgement
from workers.methods.labels import expected_label


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one ask."""

    judgements: tuple[tuple[Judgement, ...], ...]
    """One for each valid answer."""
    discarded: int
    problem: Unscored | None
    """Why there is no valid answer at all."""
    usage: Usage

    def about(self, attribute: str) -> Reading:
        """What it says about one of several attributes."""
        judgements = tuple(
            tuple(judgement for judgement in answer if judgement.attribute == attribute)
            for answer in self.judgements
        )
        return replace(self, judgements=judgements)


def average(candidates: int, readings: Sequence[Reading]) -> tuple[CandidateScore, ...]:
    """Mean and population standard deviation of every candidate's scores.

    Each ask counts the same, however many of its samples were valid: a presentation order must not
    weigh more because its answers came out well.
    """
    scores: list[CandidateScore] = []
    for position in range(candidates):
        groups = [
            [j.score for answer in r.judgements for j in answer if j.position == position]
            for r in readings
        ]
        groups = [group for group in groups if group]
        values = tuple(value for group in groups for value in group)
        mean = statistics.fmean(statistics.fmean(group) for group in groups)
        first = next(
            (
                j.reasoning
                for r in readings
                for answer in r.judgements
                for j in answer
                if j.position == position and j.reasoning is not None
            ),
            None,
        )
        spread = statistics.pstdev(values) if len(values) > 1 else 0.0
        raws = [
            j.raw
            for r in readings
            for answer in r.judgements
            for j in answer
            if j.position == position and j.raw
        ]
        raw = _mean_probabilities(raws)
        label = expected_label(raw) if raw else None
        scores.append(
            CandidateScore(
                score=round(mean, 6),
                spread=round(spread, 6),
                reasoning=first,
                values=values,
                digits=DigitReading(raw, label.mass, label.deviation) if label else None,
            )
        )
    return tuple(scores)


def _mean_probabilities(orders: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Of labels in several orders: mean shares of the labels, times the mean of their mass.

    Each order counts the same, as it does in the score, however sure the model is in it that it
    would write a label at all.
    """
    masses = [math.fsum(order) for order in orders]
    shares = [[p / mass for p in order] for order, mass in zip(orders, masses, strict=True)]
    mass = statistics.fmean(masses) if masses else 0.0
    return tuple(mass * statistics.fmean(column) for column in zip(*shares, strict=True))


def position_bias(asks: Sequence[Ask], readings: Sequence[Reading]) -> float | None:
    """How much a score changes when its candidate moves from the first place to the last.

    The slope of the scores on the relative place (0 first, 1 last) within candidates, by least
    squares: what is left when each candidate's own mean is taken out. In units of the scores;
    positive where later candidates fare better. None when every candidate had one place only.
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
