"""Regression without comparison (paper section 5.3, appendix C.6): one candidate in a prompt.

The ablation of the comparative method: nothing else differs, also not the examples, whose responses
are shown one by one as well.
"""

from __future__ import annotations

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Message, Schema
from workers.methods.base import Ask, Judgement
from workers.methods.prompting import (
    OneAnswer,
    Templates,
    example_order,
    example_reasoning,
    read_score,
    score_schema,
)

_VERSION = "regression/2"
_ANSWER = OneAnswer("score")


class Regression:
    """Scores each candidate of a scenario on one attribute in an answer of its own."""

    name = "regression"

    def __init__(self) -> None:
        self._templates = Templates("regression")

    @property
    def profile(self) -> str:
        """Version, and a digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """One ask for each candidate."""
        return [Ask((position,)) for position in range(len(scenario.candidates))]

    def messages(
        self,
        subject: Attribute,
        examples: tuple[LabelledScenario, ...],
        scenario: Scenario,
        ask: Ask,
        settings: ScorerSettings,
    ) -> tuple[Message, ...]:
        """System turn, a pair of turns for each labelled response of an example, the question."""
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
        """An object with the score, after a reasoning where one is asked for."""
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
