"""Written answers: their JSON schemas, how long they can be, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.scorer import ScorerSettings
from workers.engines.base import Schema
from workers.methods.base import InvalidAnswer
from workers.methods.json_texts import decoded

FRAME_TOKENS = 40
"""Tokens of the JSON around one reasoning and its score or choice, one for each character."""


def closed_object(properties: dict[str, Schema]) -> Schema:
    """Return the schema of a JSON object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def reasoning_schema(settings: ScorerSettings) -> Schema:
    """Return the schema of a sentence of reasoning."""
    return {"type": "string", "minLength": 1, "maxLength": settings.reasoning_chars}


def score_schema() -> Schema:
    """Return the schema of a score as the model writes it (paper appendix C.1)."""
    return {"type": "integer", "minimum": 0, "maximum": 100}


@dataclass(frozen=True, slots=True)
class OneAnswer:
    """An answer with one member, after a reasoning if the settings ask for one."""

    member: str

    def schema(self, value: Schema, settings: ScorerSettings) -> Schema:
        """Return the object's schema; `value` is the schema of the member."""
        reasoning = {"reasoning": reasoning_schema(settings)} if settings.reasoning else {}
        return closed_object({**reasoning, self.member: value})

    def tokens(self, settings: ScorerSettings) -> int:
        """Count a token for each character, see `ComparativeRegression.answer_tokens`."""
        return (settings.reasoning_chars if settings.reasoning else 0) + FRAME_TOKENS + 16

    def least_tokens(self, settings: ScorerSettings) -> int:
        """Count a third of it, see `ComparativeRegression.least_answer_tokens`."""
        return (settings.reasoning_chars // 3 if settings.reasoning else 0) + FRAME_TOKENS

    def read(self, text: str, settings: ScorerSettings) -> tuple[Any, str | None]:
        """Return the member, not checked yet, and the reasoning. Raises `InvalidAnswer`."""
        answer = decoded(text)
        members = {"reasoning", self.member} if settings.reasoning else {self.member}
        if not isinstance(answer, dict) or set(answer) != members:
            raise InvalidAnswer(f"not an object with exactly {' and '.join(sorted(members))}")
        reasoning = read_reasoning(answer["reasoning"], settings) if settings.reasoning else None
        return answer[self.member], reasoning


def read_reasoning(value: Any, settings: ScorerSettings, where: str = "") -> str:
    """Check a reasoning. Raises `InvalidAnswer`."""
    if not isinstance(value, str) or len(value) > settings.reasoning_chars:
        limit = settings.reasoning_chars
        raise InvalidAnswer(f"{where}the reasoning is not a text of at most {limit} characters")
    return value


def read_score(value: Any, where: str = "") -> float:
    """Check a whole number from 0 to 100 and scale it to [0, 1]. Raises `InvalidAnswer`.

    `85.0` is a whole number too, as in JSON Schema.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or value != value // 1 or not 0 <= value <= 100:
        raise InvalidAnswer(f"{where}the score is not a whole number from 0 to 100")
    return float(value) / 100


def members_of(answer: Any, names: Sequence[str]) -> Mapping[str, Any]:
    """An answer that is an object with exactly these members. Raises `InvalidAnswer`."""
    if not isinstance(answer, dict) or set(answer) != set(names):
        raise InvalidAnswer(f"not an object with one member for each of {', '.join(names)}")
    return answer
