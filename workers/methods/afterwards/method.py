"""Words about scores that were read: the judge sees the scores and writes why they may be so.

Not in the paper. These words did not produce the scores, and answers mark them.
"""

from __future__ import annotations

from typing import Any

from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Schema
from workers.methods.answers import (
    FRAME_TOKENS,
    closed_object,
    members_of,
    read_reasoning,
    reasoning_schema,
)
from workers.methods.base import Ask, Examples, Judgement, Task
from workers.methods.json_texts import decoded
from workers.methods.presentation import LETTERS, lettered, order_asks
from workers.methods.templates import Templates
from workers.tokenization.conversation import Message

_VERSION = "afterwards/1"


class Afterwards:
    """Explains the scores in `ScorerSettings.explains` on one attribute, all in one answer."""

    name = "comparative"

    def __init__(self) -> None:
        self._templates = Templates("afterwards")

    @property
    def profile(self) -> str:
        """Version and digest of the templates."""
        return self._templates.profile(_VERSION)

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """Return one ask, about all candidates."""
        return order_asks(scenario, settings)

    def messages(self, task: Task[Attribute], ask: Ask, examples: Examples) -> tuple[Message, ...]:
        """Build a system turn and the question with the scores."""
        texts = [task.scenario.candidates[position] for position in ask.positions]
        candidates: list[dict[str, Any]] = [
            one | {"score": round(100 * task.settings.explains[position])}
            for one, position in zip(lettered(texts), ask.positions, strict=True)
        ]
        question = self._templates.question(
            task.scenario.question, texts, attribute=task.subject, candidates=candidates
        )
        system = self._templates.system(attribute=task.subject)
        return Message("system", system), Message("user", question)

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """One sentence for each letter."""
        return closed_object(
            dict.fromkeys(LETTERS[: len(ask.positions)], reasoning_schema(settings))
        )

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Count a token for each character, see `ComparativeRegression.answer_tokens`."""
        return len(ask.positions) * (settings.reasoning_chars + FRAME_TOKENS)

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Count a third of it, see `ComparativeRegression.least_answer_tokens`."""
        return len(ask.positions) * (settings.reasoning_chars // 3 + FRAME_TOKENS // 2)

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read an answer; the scores are those that were given."""
        letters = LETTERS[: len(ask.positions)]
        answer = members_of(decoded(text), letters)
        return [
            Judgement(
                position,
                settings.explains[position],
                read_reasoning(answer[letter], settings, f"{letter}: "),
            )
            for letter, position in zip(letters, ask.positions, strict=True)
        ]
