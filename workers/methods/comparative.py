"""Few-shot comparative regression (paper section 4.1): all candidates in one prompt.

The paper asks for scores of 0 to 100 and scales them to [0, 1] (appendix C.1), puts retrieved
examples with their labels before the question, and has the model reason before each score.
"""

from __future__ import annotations

import math
import random
import re
import string
import textwrap
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import DictLoader, Environment, StrictUndefined

from app.domain.bank import LabelledScenario
from app.domain.fingerprint import digest
from app.domain.types import Attribute, Scenario, ScorerSettings
from workers.engines.base import Message, Schema
from workers.methods.base import Ask, InvalidAnswer, Judgement

LETTERS = string.ascii_uppercase
_VERSION = "comparative/1"
_FENCE = "~"
_FENCE_RUNS = re.compile(r"~{3,}")
_FRAME_TOKENS = 40  # JSON around one candidate's reasoning and score, a token a character
_LEVEL_WORDS = ("very low", "low", "middling", "high", "very high")


class ComparativeRegression:
    """Scores all candidates of a scenario on one attribute in one answer."""

    name = "comparative"

    @cached_property
    def _sources(self) -> dict[str, str]:
        folder = files("workers.prompts") / "comparative"
        names = ("system.jinja", "question.jinja")
        return {name: (folder / name).read_text("utf-8") for name in names}

    @cached_property
    def _templates(self) -> Environment:
        # Prompts are plain text for a model, not HTML: nothing is to be escaped.
        return Environment(
            loader=DictLoader(self._sources),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )

    @property
    def profile(self) -> str:
        """Version, and a digest of the templates: an edited prompt never meets old scores."""
        return f"{_VERSION}:{digest(self._sources)[:8]}"

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """One ask for each presentation order."""
        count = len(scenario.candidates)
        return [Ask(order) for order in presentation_orders(count, settings.orders, settings.seed)]

    def messages(
        self,
        attribute: Attribute,
        examples: tuple[LabelledScenario, ...],
        scenario: Scenario,
        ask: Ask,
        settings: ScorerSettings,
    ) -> tuple[Message, ...]:
        """System turn, one pair of turns for each example, then the question.

        What prompts share comes first (the attribute, then the examples, the candidates last), so
        that the engine's prefix cache serves all orders and samples.
        """
        system = self._templates.get_template("system.jinja").render(
            attribute=attribute, reasoning=settings.reasoning, fence_character=_FENCE
        )
        turns = [Message("system", system)]
        for example in examples:
            rated = [
                (index, text)
                for index, text in enumerate(example.responses)
                if attribute.name in example.labels[index]
            ][: len(LETTERS)]
            texts = [text for _, text in rated]
            turns.append(Message("user", self._question(attribute, example.question, texts)))
            indices = [index for index, _ in rated]
            answer = _example_answer(attribute, example, indices, settings)
            turns.append(Message("assistant", answer))
        shown = [scenario.candidates[position] for position in ask.positions]
        turns.append(Message("user", self._question(attribute, scenario.question, shown)))
        return tuple(turns)

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """An object with one member a letter: reasoning, then a whole score of 0 to 100."""
        score: Schema = {"type": "integer", "minimum": 0, "maximum": 100}
        member = score
        if settings.reasoning:
            reasoning = {"type": "string", "minLength": 1, "maxLength": settings.reasoning_chars}
            member = _closed_object({"reasoning": reasoning, "score": score})
        return _closed_object(dict.fromkeys(LETTERS[: len(ask.positions)], member))

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """A token a character: small models do write `1.1.1.1.1.1`. Some scripts take more."""
        reasoning = settings.reasoning_chars if settings.reasoning else 0
        return len(ask.positions) * (reasoning + _FRAME_TOKENS) + 16

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Words of English take a token for about four characters; a third is on the safe side."""
        reasoning = settings.reasoning_chars // 3 if settings.reasoning else 0
        return len(ask.positions) * (reasoning + _FRAME_TOKENS // 2) + 16

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read one answer; engines that constrain nothing are caught here."""
        try:
            answer = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise InvalidAnswer(f"not JSON: {error}") from error
        letters = LETTERS[: len(ask.positions)]
        if not isinstance(answer, dict) or set(answer) != set(letters):
            raise InvalidAnswer(f"not one member for each of {', '.join(letters)}")
        return [
            _judgement(position, letter, answer[letter], settings)
            for letter, position in zip(letters, ask.positions, strict=True)
        ]

    def _question(self, attribute: Attribute, question: str, texts: Sequence[str]) -> str:
        return self._templates.get_template("question.jinja").render(
            attribute=attribute,
            question=question,
            candidates=[
                {"letter": letter, "text": text}
                for letter, text in zip(LETTERS, texts, strict=False)
            ],
            fence=fence_for([question, *texts]),
        )


def presentation_orders(count: int, orders: int, seed: int) -> list[tuple[int, ...]]:
    """Different orders of `count` candidates: forward, reversed, then seeded shuffles.

    As many as asked for, or as there are.
    """
    forward = tuple(range(count))
    found = list(dict.fromkeys([forward, forward[::-1]]))[:orders]
    shuffler = random.Random(f"{seed}:{count}")
    while len(found) < min(orders, math.factorial(count)):
        shuffled = tuple(shuffler.sample(forward, count))
        if shuffled not in found:
            found.append(shuffled)
    return found


def fence_for(texts: Iterable[str]) -> str:
    """A line of marks longer than any run of them in `texts`: no text can end its own frame."""
    longest = max((len(run) for text in texts for run in _FENCE_RUNS.findall(text)), default=2)
    return _FENCE * (longest + 1)


def _example_answer(
    attribute: Attribute,
    example: LabelledScenario,
    indices: Sequence[int],
    settings: ScorerSettings,
) -> str:
    answer: dict[str, Any] = {}
    for letter, index in zip(LETTERS, indices, strict=False):
        label = example.labels[index][attribute.name]
        score = round(label * 100)
        if settings.reasoning:
            reasoning = _reasoning(attribute, example, index, label)
            # The examples teach the length as well as the tone.
            short = textwrap.shorten(reasoning, settings.reasoning_chars, placeholder=" …")
            answer[letter] = {"reasoning": short, "score": score}
        else:
            answer[letter] = score
    return msgspec.json.encode(answer).decode()


def _reasoning(attribute: Attribute, example: LabelledScenario, index: int, label: float) -> str:
    given = (example.reasonings or [{}] * len(example.responses))[index].get(attribute.name)
    if given and given.strip():
        return given
    word = _LEVEL_WORDS[min(int(label * 5), 4)]
    return f"Its {attribute.name} is {word}."


def _closed_object(properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _judgement(position: int, letter: str, member: Any, settings: ScorerSettings) -> Judgement:
    reasoning = None
    score = member
    if settings.reasoning:
        if not isinstance(member, dict) or set(member) != {"reasoning", "score"}:
            raise InvalidAnswer(f"{letter} has not exactly a reasoning and a score")
        reasoning, score = member["reasoning"], member["score"]
        if not isinstance(reasoning, str) or len(reasoning) > settings.reasoning_chars:
            raise InvalidAnswer(f"{letter}: the reasoning is no text of the length asked for")
    if isinstance(score, bool) or not isinstance(score, int) or not 0 <= score <= 100:
        raise InvalidAnswer(f"{letter}: the score is not a whole number of 0 to 100")
    return Judgement(position=position, score=score / 100, reasoning=reasoning)
