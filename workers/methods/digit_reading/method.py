"""Digit reading: no text is written, the probabilities of the digits 0 to 4 are read instead.

The model is asked for one digit about one candidate, and the expected digit under its
probabilities is the score (as in G-Eval, Liu et al. 2023). There is one prompt for each candidate
and order. Question and candidates precede the attribute, so that without examples all attributes of
a scenario share the longest part of their prompts in the engine's prefix cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from app.domain.bank import LabelledScenario
from app.domain.cells import DigitReading
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.methods.base import AskAboutOne, Examples, Judgement, Task
from workers.methods.presentation import (
    LETTERS,
    example_order,
    lettered,
    presentation_orders,
)
from workers.methods.templates import Templates
from workers.tokenization.conversation import Message

_VERSION = "digits/1"
DIGITS = ("0", "1", "2", "3", "4")
"""Digits are single tokens in nearly all vocabularies; people rate on five levels."""
_HIGHEST = len(DIGITS) - 1


class ExpectedDigit(Struct, frozen=True):
    """The mean digit under its probabilities, given that a digit is written."""

    score: float
    """The mean, scaled to [0, 1]."""
    reading: DigitReading


def expected_digit(probabilities: Sequence[float]) -> ExpectedDigit | None:
    """Return the expected digit; None if all probabilities are 0."""
    weights = np.asarray(probabilities, dtype=np.float64)
    mass = float(weights.sum())
    if not mass > 0:
        return None
    steps = np.arange(len(weights)) / (len(weights) - 1)
    mean = float(weights @ steps / mass)
    variance = float(weights @ np.square(steps - mean) / mass)
    deviation = math.sqrt(max(variance, 0.0))
    return ExpectedDigit(mean, DigitReading(tuple(probabilities), min(mass, 1.0), deviation))


class DigitRegression:
    """How `comparative` and `regression` score without reasoning."""

    tokens: tuple[str, ...] = DIGITS

    def __init__(self, method: str, *, compares: bool) -> None:
        self.name = method
        self._compares = compares
        self._templates = Templates("digit_reading")

    @property
    def profile(self) -> str:
        """Version and digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[AskAboutOne]:
        """Return one ask for each candidate and presentation order."""
        positions = range(len(scenario.candidates))
        if not self._compares:
            return [AskAboutOne((position,), judged=position) for position in positions]
        orders = presentation_orders(len(positions), settings.orders, settings.seed)
        return [AskAboutOne(order, judged=position) for order in orders for position in positions]

    def messages(
        self, task: Task[Attribute], ask: AskAboutOne, examples: Examples
    ) -> tuple[Message, ...]:
        """Build a system turn, for each example a turn with each digit, and the question."""
        turns = [Message("system", self._templates.system(highest=_HIGHEST))]
        for example in examples:
            turns += self._example(task.subject, example)
        texts = [task.scenario.candidates[position] for position in ask.positions]
        last_line = self._ask(task.subject, ask.positions.index(ask.judged), len(texts))
        question = self._question(task.subject, task.scenario.question, texts, last_line)
        turns.append(Message("user", question))
        return tuple(turns)

    def judgement(self, ask: AskAboutOne, probabilities: Sequence[float]) -> Judgement | None:
        """Score the candidate by the expected digit."""
        expected = expected_digit(probabilities)
        if expected is None:
            return None
        return Judgement(ask.judged, expected.score, probabilities=tuple(probabilities))

    def _example(self, attribute: Attribute, example: LabelledScenario) -> list[Message]:
        rated = [i for i in example_order(example) if attribute.name in example.labels[i]]
        rated = rated[: len(LETTERS)]
        texts = [example.responses[i] for i in rated]
        turns: list[Message] = []
        for place, index in enumerate(rated):
            if not self._compares:
                last_line = self._ask(attribute, 0, 1)
                shown = self._question(attribute, example.question, [texts[place]], last_line)
            elif place == 0:
                last_line = self._ask(attribute, place, len(texts))
                shown = self._question(attribute, example.question, texts, last_line)
            else:  # the first turn has shown the candidates
                shown = self._ask(attribute, place, len(texts))
            turns.append(Message("user", shown))
            digit = round(example.labels[index][attribute.name] * _HIGHEST)
            turns.append(Message("assistant", DIGITS[digit]))
        return turns

    def _question(
        self, attribute: Attribute, question: str, texts: Sequence[str], last_line: str
    ) -> str:
        return self._templates.question(
            question,
            texts,
            attribute=attribute,
            candidates=lettered(texts),
            highest=_HIGHEST,
            ask=last_line,
        )

    def _ask(self, attribute: Attribute, place: int, count: int) -> str:
        which = f"response {LETTERS[place]}" if count > 1 else "the response"
        return f"The {attribute.name} of {which}, 0 to {_HIGHEST}:"
