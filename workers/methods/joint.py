"""Comparative regression on several attributes at once: one prompt, one answer.

Not of the paper, which asks for each attribute by itself. Question and candidates are read once
instead of once an attribute; in return each score is written in the sight of the others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.scenario import Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Message, Schema
from workers.methods.base import Ask, InvalidAnswer, Joint, Judgement
from workers.methods.comparative import ComparativeRegression, example_answer, read_answer
from workers.methods.prompting import (
    LETTERS,
    Templates,
    closed_object,
    decoded,
    example_order,
    lettered,
    order_asks,
)

_VERSION = "joint/1"


class JointRegression:
    """Scores all candidates of a scenario on all of `ScorerSettings.joint` in one answer."""

    name = "comparative"

    def __init__(self) -> None:
        self._templates = Templates("joint")
        self._single = ComparativeRegression()

    @property
    def profile(self) -> str:
        """Version, and a digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """One ask for each presentation order."""
        return order_asks(scenario, settings)

    def messages(
        self,
        subject: Joint,
        examples: tuple[LabelledScenario, ...],
        scenario: Scenario,
        ask: Ask,
        settings: ScorerSettings,
    ) -> tuple[Message, ...]:
        """System turn with all definitions, a pair of turns for each example, then the question."""
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
        """An object with one member an attribute, each as the comparative method's whole answer."""
        member = self._single.schema(ask, settings)
        return closed_object({attribute.name: member for attribute in settings.joint})

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Those of one answer an attribute, and its name: a token a character, escapes written."""
        names = sum(len(json.dumps(attribute.name)) for attribute in settings.joint)
        return len(settings.joint) * self._single.answer_tokens(ask, settings) + names

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """The same for an ordinary answer, see `ComparativeRegression.least_answer_tokens`."""
        names = sum(len(attribute.name) // 3 for attribute in settings.joint)
        return len(settings.joint) * self._single.least_answer_tokens(ask, settings) + names

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read one answer: all attributes, or none when anything in it is not as asked for."""
        answer = decoded(text)
        names = [attribute.name for attribute in settings.joint]
        if not isinstance(answer, dict) or set(answer) != set(names):
            raise InvalidAnswer(f"not one member for each of {', '.join(names)}")
        found: list[Judgement] = []
        for name in names:
            try:
                judgements = read_answer(answer[name], ask, settings)
            except InvalidAnswer as error:
                raise InvalidAnswer(f"{name}: {error}") from error
            found += [replace(judgement, attribute=name) for judgement in judgements]
        return found

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
    """The labels that an example has: an attribute without any is left out."""
    answers = {a.name: example_answer(a, example, indices, settings) for a in attributes}
    return msgspec.json.encode({name: one for name, one in answers.items() if one}).decode()
