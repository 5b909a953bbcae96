"""Regression without comparison (paper section 5.3, appendix C.6): one candidate in a prompt.

The ablation of the comparative method: nothing else differs. The responses of examples are shown
one by one as well.
"""

from __future__ import annotations

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Schema
from workers.methods.answers import OneAnswer, read_score, score_schema
from workers.methods.base import Ask, Examples, Judgement, Task
from workers.methods.presentation import example_order, example_reasoning
from workers.methods.templates import Templates
from workers.tokenization.conversation import Message

_VERSION = "regression/2"
_ANSWER = OneAnswer("score")


class Regression:
    """Scores each candidate of a scenario on one attribute in a separate answer."""

    name = "regression"

    def __init__(self) -> None:
        self._templates = Templates("regression")

    @property
    def profile(self) -> str:
        """Version and digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """Return one ask for each candidate."""
        return [Ask((position,)) for position in range(len(scenario.candidates))]

    def messages(self, task: Task[Attribute], ask: Ask, examples: Examples) -> tuple[Message, ...]:
        """Build a system turn, a pair of turns for each labelled response, and the question."""
        subject, scenario, settings = task.subject, task.scenario, task.settings
        system = self._templates.system(attribute=subject, reasoning=settings.reasoning)
        turns = [Message("system", system)]
        for example in examples:
            for index in example_order(example):
                if subject.name not in example.labels[index]:
                    continue
                shown = self._question(subject, example.question, example.responses[index])
                turns.append(Message("user", shown))
                answer = _example_answer(subject, example, index, settings)
                turns.append(Message("assistant", answer))
        (position,) = ask.positions
        shown = self._question(subject, scenario.question, scenario.candidates[position])
        turns.append(Message("user", shown))
        return tuple(turns)

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """The score, after a reasoning if the settings ask for one."""
        return _ANSWER.schema(score_schema(), settings)

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """See `OneAnswer.tokens`."""
        return _ANSWER.tokens(settings)

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """See `OneAnswer.least_tokens`."""
        return _ANSWER.least_tokens(settings)

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read one answer."""
        score, reasoning = _ANSWER.read(text, settings)
        return [Judgement(ask.positions[0], read_score(score), reasoning)]

    def _question(self, attribute: Attribute, question: str, text: str) -> str:
        return self._templates.question(question, [text], attribute=attribute, text=text)


def _example_answer(
    attribute: Attribute, example: LabelledScenario, index: int, settings: ScorerSettings
) -> str:
    score = round(example.labels[index][attribute.name] * 100)
    if not settings.reasoning:
        return msgspec.json.encode({"score": score}).decode()
    reasoning = example_reasoning(attribute, example, index, settings)
    return msgspec.json.encode({"reasoning": reasoning, "score": score}).decode()
