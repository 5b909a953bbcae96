"""Few-shot comparative regression (paper section 4.1): all candidates in one prompt.

As in the paper, the model writes scores from 0 to 100, which are scaled to [0, 1] (appendix C.1),
retrieved examples with their labels precede the question, and the model reasons before each score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Schema
from workers.methods.answers import (
    FRAME_TOKENS,
    closed_object,
    members_of,
    read_reasoning,
    read_score,
    reasoning_schema,
    score_schema,
)
from workers.methods.base import Ask, Examples, InvalidAnswer, Judgement, Task
from workers.methods.json_texts import decoded
from workers.methods.presentation import (
    LETTERS,
    example_order,
    example_reasoning,
    lettered,
    order_asks,
)
from workers.methods.templates import Templates
from workers.tokenization.conversation import Message

_VERSION = "comparative/2"


class ComparativeRegression:
    """Scores all candidates of a scenario on one attribute in one answer."""

    name = "comparative"

    def __init__(self) -> None:
        self._templates = Templates("comparative")

    @property
    def profile(self) -> str:
        """Version and digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """Return one ask for each presentation order."""
        return order_asks(scenario, settings)

    def messages(self, task: Task[Attribute], ask: Ask, examples: Examples) -> tuple[Message, ...]:
        """Build a system turn, a pair of turns for each example, and the question.

        What prompts share comes first (the attribute, then the examples, the candidates last), so
        that the engine's prefix cache serves all orders and samples.
        """
        subject, scenario, settings = task.subject, task.scenario, task.settings
        system = self._templates.system(attribute=subject, reasoning=settings.reasoning)
        turns = [Message("system", system)]
        for example in examples:
            rated = [
                index for index in example_order(example) if subject.name in example.labels[index]
            ][: len(LETTERS)]
            texts = [example.responses[index] for index in rated]
            turns.append(Message("user", self._question(subject, example.question, texts)))
            answer = example_answer(subject, example, rated, settings)
            turns.append(Message("assistant", msgspec.json.encode(answer).decode()))
        shown = [scenario.candidates[position] for position in ask.positions]
        turns.append(Message("user", self._question(subject, scenario.question, shown)))
        return tuple(turns)

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """One member for each letter: a reasoning, then a whole score from 0 to 100."""
        member = score_schema()
        if settings.reasoning:
            member = closed_object({"reasoning": reasoning_schema(settings), "score": member})
        return closed_object(dict.fromkeys(LETTERS[: len(ask.positions)], member))

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Count a token for each character: small models do write `1.1.1.1`."""
        reasoning = settings.reasoning_chars if settings.reasoning else 0
        return len(ask.positions) * (reasoning + FRAME_TOKENS) + 16

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Count a token for three characters of reasoning; English has about four in a token."""
        reasoning = settings.reasoning_chars // 3 if settings.reasoning else 0
        return len(ask.positions) * (reasoning + FRAME_TOKENS // 2) + 16

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read an answer; also checks what engines without guided decoding may get wrong."""
        return read_answer(decoded(text), ask, settings)

    def _question(self, attribute: Attribute, question: str, texts: Sequence[str]) -> str:
        return self._templates.question(
            question, texts, attribute=attribute, candidates=lettered(texts)
        )


def example_answer(
    attribute: Attribute,
    example: LabelledScenario,
    indices: Sequence[int],
    settings: ScorerSettings,
) -> dict[str, Any]:
    """Return the right answer about an example's responses, in the order of `indices`.

    Responses without a label are omitted.
    """
    answer: dict[str, Any] = {}
    for letter, index in zip(LETTERS, indices, strict=False):
        if attribute.name not in example.labels[index]:
            continue
        score = round(example.labels[index][attribute.name] * 100)
        if settings.reasoning:
            reasoning = example_reasoning(attribute, example, index, settings)
            answer[letter] = {"reasoning": reasoning, "score": score}
        else:
            answer[letter] = score
    return answer


def read_answer(answer: Any, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
    """Check an answer about one attribute and return its scores. Raises `InvalidAnswer`."""
    letters = LETTERS[: len(ask.positions)]
    members = members_of(answer, letters)
    return [
        _judgement(position, letter, members[letter], settings)
        for letter, position in zip(letters, ask.positions, strict=True)
    ]


def _judgement(position: int, letter: str, member: Any, settings: ScorerSettings) -> Judgement:
    where = f"{letter}: "
    if not settings.reasoning:
        return Judgement(position, read_score(member, where))
    if not isinstance(member, dict) or set(member) != {"reasoning", "score"}:
        raise InvalidAnswer(f"{letter} is not an object with exactly a reasoning and a score")
    reasoning = read_reasoning(member["reasoning"], settings, where)
    return Judgement(position, read_score(member["score"], where), reasoning)
