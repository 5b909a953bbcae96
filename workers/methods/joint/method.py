"""Comparative regression on several attributes at once: one prompt, one answer.

Not in the paper, which asks for each attribute separately. The model reads question and candidates
once instead of once for each attribute, but it sees the other scores when it writes one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.scenario import Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Schema
from workers.methods.answers import closed_object, members_of
from workers.methods.base import Ask, Examples, InvalidAnswer, Judgement, Task
from workers.methods.comparative.method import (
    ComparativeRegression,
    example_answer,
    read_answer,
)
from workers.methods.json_texts import decoded
from workers.methods.presentation import LETTERS, example_order, lettered, order_asks
from workers.methods.templates import Templates
from workers.subject import Joint
from workers.tokenization.conversation import Message

_VERSION = "joint/1"


class JointRegression:
    """Scores all candidates of a scenario on all of `ScorerSettings.joint` in one answer."""

    name = "comparative"

    def __init__(self) -> None:
        self._templates = Templates("joint")
        self._single = ComparativeRegression()

    @property
    def profile(self) -> str:
        """Version and digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """Return one ask for each presentation order."""
        return order_asks(scenario, settings)

    def messages(self, task: Task[Joint], ask: Ask, examples: Examples) -> tuple[Message, ...]:
        """Build a system turn with all definitions, two turns for each example, the question."""
        subject, scenario, settings = task.subject, task.scenario, task.settings
        system = self._templates.system(attributes=subject, reasoning=settings.reasoning)
        turns = [Message("system", system)]
        for example in examples:
            rated = [
                index
                for index in example_order(example)
                if any(attribute.name in example.labels[index] for attribute in subject)
            ][: len(LETTERS)]
            texts = [example.responses[index] for index in rated]
            turns.append(Message("user", self._question(subject, example.question, texts)))
            answer = _example_answer(subject, example, rated, settings)
            turns.append(Message("assistant", answer))
        shown = [scenario.candidates[position] for position in ask.positions]
        turns.append(Message("user", self._question(subject, scenario.question, shown)))
        return tuple(turns)

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """One member for each attribute: the comparative method's answer."""
        member = self._single.schema(ask, settings)
        return closed_object({attribute.name: member for attribute in settings.joint})

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Count one answer and the name in JSON for each attribute, a token for each character."""
        names = sum(len(json.dumps(attribute.name)) for attribute in settings.joint)
        return len(settings.joint) * self._single.answer_tokens(ask, settings) + names

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Count an ordinary answer, see `ComparativeRegression.least_answer_tokens`."""
        names = sum(len(attribute.name) // 3 for attribute in settings.joint)
        return len(settings.joint) * self._single.least_answer_tokens(ask, settings) + names

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read an answer: all attributes, or none if any part of it is invalid."""
        names = [attribute.name for attribute in settings.joint]
        answer = members_of(decoded(text), names)
        all_judgements: list[Judgement] = []
        for name in names:
            try:
                judgements = read_answer(answer[name], ask, settings)
            except InvalidAnswer as error:
                raise InvalidAnswer(f"{name}: {error}") from error
            all_judgements += [replace(judgement, attribute=name) for judgement in judgements]
        return all_judgements

    def _question(self, attributes: Joint, question: str, texts: Sequence[str]) -> str:
        return self._templates.question(
            question, texts, attributes=attributes, candidates=lettered(texts)
        )


def _example_answer(
    attributes: Joint,
    example: LabelledScenario,
    indices: Sequence[int],
    settings: ScorerSettings,
) -> str:
    """Return the right answer about an example; attributes without labels are omitted."""
    answers = {a.name: example_answer(a, example, indices, settings) for a in attributes}
    return msgspec.json.encode({name: one for name, one in answers.items() if one}).decode()
