"""Label reading: no text is written, the probabilities of a few labels are read instead.

The model is asked for one digit of a small scale about one candidate, and the expected label under
its own probabilities is the score (as in G-Eval, Liu et al. 2023). One prompt for each candidate
and order; question and candidates come before the attribute, so that without examples all
attributes of a scenario share the longest part of their prompts in the engine's prefix cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Message, Schema
from workers.methods.base import Ask, Judgement
from workers.methods.prompting import (
    LETTERS,
    Templates,
    example_order,
    lettered,
    presentation_orders,
)

_VERSION = "labels/2"
LABELS = ("0", "1", "2", "3", "4")
"""Digits are single tokens in nearly all vocabularies; five are what people rate on."""
_HIGHEST = len(LABELS) - 1


class ReadLabel(Struct, frozen=True):
    """What the probabilities of the labels say."""

    score: float
    """Expected label, in [0, 1]."""
    mass: float
    """Probability that the model would write a label at all."""
    deviation: float
    """Standard deviation of the label, in [0, 0.5]."""


def expected_label(probabilities: Sequence[float]) -> ReadLabel | None:
    """Mean and deviation of the label under its probabilities, given that one is written.

    None when no label has any probability: then there is nothing to go by.
    """
    weights = np.asarray(probabilities, dtype=np.float64)
    mass = float(weights.sum())
    if not mass > 0:
        return None
    steps = np.arange(len(weights)) / (len(weights) - 1)
    mean = float(weights @ steps / mass)
    variance = float(weights @ np.square(steps - mean) / mass)
    return ReadLabel(mean, min(mass, 1.0), math.sqrt(max(variance, 0.0)))


class LabelReading:
    """How `comparative` and `regression` ask when there is to be no reasoning."""

    def __init__(self, method: str, *, compares: bool) -> None:
        self.name = method
        self._compares = compares
        self._templates = Templates("labels")

    @property
    def profile(self) -> str:
        """Version, and a digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """For each presentation order one ask a candidate."""
        places = range(len(scenario.candidates))
        if not self._compares:
            return [Ask((place,), judged=place) for place in places]
        orders = presentation_orders(len(places), settings.orders, settings.seed)
        return [Ask(order, judged=place) for order in orders for place in places]

    def messages(
        self,
        subject: Attribute,
        examples: tuple[LabelledScenario, ...],
        scenario: Scenario,
        ask: Ask,
        settings: ScorerSettings,
    ) -> tuple[Message, ...]:
        """System turn, for each example a question and its labels turn by turn, the question."""
        turns = [Message("system", self._templates.system(highest=_HIGHEST))]
        for example in examples:
            turns += self._example(subject, example)
        texts = [scenario.candidates[place] for place in ask.positions]
        assert ask.judged is not None, "asks() says who is judged"
        asked = self._ask(subject, ask.positions.index(ask.judged), len(texts))
        turns.append(Message("user", self._question(subject, scenario.question, texts, asked)))
        return tuple(turns)

    def _example(self, attribute: Attribute, example: LabelledScenario) -> list[Message]:
        rated = [i for i in example_order(example) if attribute.name in example.labels[i]]
        rated = rated[: len(LETTERS)]
        texts = [example.responses[i] for i in rated]
        turns: list[Message] = []
        for place, index in enumerate(rated):
            if not self._compares:
                asked = self._ask(attribute, 0, 1)
                shown = self._question(attribute, example.question, [texts[place]], asked)
            elif place == 0:
                asked = self._ask(attribute, place, len(texts))
                shown = self._question(attribute, example.question, texts, asked)
            else:  # the candidates have been shown
                shown = self._ask(attribute, place, len(texts))
            turns.append(Message("user", shown))
            label = round(example.labels[index][attribute.name] * _HIGHEST)
            turns.append(Message("assistant", LABELS[label]))
        return turns

    def _question(
        self, attribute: Attribute, question: str, texts: Sequence[str], asked: str
    ) -> str:
        return self._templates.question(
            question,
            texts,
            attribute=attribute,
            candidates=lettered(texts),
            highest=_HIGHEST,
            ask=asked,
        )

    def _ask(self, attribute: Attribute, place: int, count: int) -> str:
        which = f"response {LETTERS[place]}" if count > 1 else "the response"
        return f"The {attribute.name} of {which}, 0 to {_HIGHEST}:"

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """One of the labels, for whom it may concern: nothing is generated."""
        return {"type": "string", "enum": list(LABELS)}

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """One label."""
        return 1

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """One label."""
        return 1

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Nothing is written, so there is nothing to read."""
        raise NotImplementedError("labels are read from probabilities")
