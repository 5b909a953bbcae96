"""The model chooses a letter: with a target in words (paper section 4.2, after Hu et al. 2024), or
without one, which shows the model's own preference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.scenario import Choice, Scenario
from app.domain.scorer import ScorerSettings
from app.domain.selection.distance import distances
from app.domain.selection.ranking import nearest
from app.domain.selection.targets import target_matrix
from workers.engines.base import Schema
from workers.methods.answers import OneAnswer
from workers.methods.base import Ask, Examples, InvalidAnswer, Judgement, Task
from workers.methods.presentation import (
    LETTERS,
    example_order,
    lettered,
    level_word,
    order_asks,
    shortened,
)
from workers.methods.templates import Templates
from workers.retrieval.examples import label_matrix
from workers.tokenization.conversation import Message

_VERSION = "choice/2"
_ANSWER = OneAnswer("choice")
STEPS = (
    "strongly avoids",
    "avoids",
    "slightly avoids",
    "neither demonstrates nor avoids",
    "slightly demonstrates",
    "demonstrates",
    "strongly demonstrates",
)
"""A target value in words, from 0 to 1."""


def step_words(value: float) -> str:
    """Return the nearest of the seven steps; of two equally near, the one further from the middle.

    So the five levels 0, 0.25 … 1 become: strongly avoids, avoids, neither demonstrates nor avoids,
    demonstrates, strongly demonstrates.
    """
    offset = (value - 0.5) * (len(STEPS) - 1)
    away = math.copysign(math.floor(abs(offset) + 0.5), offset)
    return STEPS[len(STEPS) // 2 + int(away)]


class Choosing:
    """Has the model choose one candidate: `prompt_aligned` or `unaligned`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._templates = Templates("choosing")

    @property
    def profile(self) -> str:
        """Version and digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """Return one ask for each presentation order."""
        return order_asks(scenario, settings)

    def messages(self, task: Task[Choice], ask: Ask, examples: Examples) -> tuple[Message, ...]:
        """Build a system turn with the target in words, examples with their right choice, the
        question."""
        subject, scenario, settings = task.subject, task.scenario, task.settings
        wishes = [
            {"words": step_words(subject.target[attribute.name]), "attribute": attribute}
            for attribute in subject.attributes
        ]
        system = self._templates.system(
            wishes=wishes, persona=subject.persona, reasoning=settings.reasoning
        )
        turns = [Message("system", system)]
        for example in examples:
            order = example_order(example)[: len(LETTERS)]
            texts = [example.responses[index] for index in order]
            turns.append(Message("user", self._question(example.question, texts)))
            answer = _example_answer(subject, example, order, settings)
            turns.append(Message("assistant", answer))
        shown = [scenario.candidates[position] for position in ask.positions]
        turns.append(Message("user", self._question(scenario.question, shown)))
        return tuple(turns)

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """The letter, after a reasoning if the settings ask for one."""
        letters = list(LETTERS[: len(ask.positions)])
        return _ANSWER.schema({"type": "string", "enum": letters}, settings)

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """See `OneAnswer.tokens`."""
        return _ANSWER.tokens(settings)

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """See `OneAnswer.least_tokens`."""
        return _ANSWER.least_tokens(settings)

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read a vote: 1 for the chosen candidate, 0 for the others."""
        letter, reasoning = _ANSWER.read(text, settings)
        letters = LETTERS[: len(ask.positions)]
        if not isinstance(letter, str) or len(letter) != 1 or letter not in letters:
            raise InvalidAnswer(f"the choice is not one of {', '.join(letters)}")
        chosen = ask.positions[letters.index(letter)]
        return [
            Judgement(position, 1.0, reasoning) if position == chosen else Judgement(position, 0.0)
            for position in ask.positions
        ]

    def _question(self, question: str, texts: list[str]) -> str:
        return self._templates.question(question, texts, candidates=lettered(texts))


def _example_answer(
    choice: Choice, example: LabelledScenario, order: Sequence[int], settings: ScorerSettings
) -> str:
    """Return the letter of the response whose labels are nearest the target, and why."""
    matrix = target_matrix([choice.target])
    shown = label_matrix(example, matrix.attributes)[list(order)]
    place = int(nearest(distances(shown, matrix))[0])
    labels = example.labels[order[place]]
    answer: dict[str, str] = {}
    if settings.reasoning:
        words = [f"its {name} is {level_word(labels[name])}" for name in choice.target]
        reasoning = f"Response {LETTERS[place]} comes nearest: {', '.join(words)}."
        answer["reasoning"] = shortened(reasoning, settings)
    return msgspec.json.encode({**answer, "choice": LETTERS[place]}).decode()
