"""Which scenarios trial fits learn from, and on which they are measured. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from app.calibrations.fitting.rows import LEAST_SCENARIOS
from app.domain.bank import LabelledScenario
from app.domain.texts import text_key

PARTS = 4
"""Each draw keeps another quarter of the scenarios aside."""
_FIRST_SIZE = 25
_LEAST_STEP = 1.25
"""The last size is at least so many times the one before it."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One order of the scenarios to learn from, and those that are kept aside."""

    number: int
    ids: tuple[str, ...]
    """A fit on `n` scenarios learns from the first `n`, so that smaller ones are nested."""
    aside: tuple[LabelledScenario, ...]


def draws_of(scenarios: Sequence[LabelledScenario], seed: int) -> list[Draw]:
    """A draw for each quarter of the scenarios; those that share a question share a quarter.

    Empty if too few would be left to learn from.
    """
    source = random.Random(seed)
    questions = list(dict.fromkeys(text_key(one.question) for one in scenarios))
    source.shuffle(questions)
    part = {question: number % PARTS for number, question in enumerate(questions)}
    draws: list[Draw] = []
    for number in range(PARTS):
        aside = [one for one in scenarios if part[text_key(one.question)] == number]
        learnt = [one.id for one in scenarios if part[text_key(one.question)] != number]
        source.shuffle(learnt)
        if not aside or len(learnt) < LEAST_SCENARIOS:
            return []
        draws.append(Draw(number, tuple(learnt), tuple(aside)))
    return draws


def sizes_of(draws: Sequence[Draw]) -> list[int]:
    """25, 50, 100, 200 and so on, and all that every draw can learn from."""
    most = min((len(draw.ids) for draw in draws), default=0)
    sizes: list[int] = []
    size = _FIRST_SIZE
    while size * _LEAST_STEP <= most:
        sizes.append(size)
        size *= 2
    return [*sizes, most] if most else []
