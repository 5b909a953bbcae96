"""What the methods' prompts share: templates, fences, letters, orders, words for values."""

from __future__ import annotations

import math
import random
import re
import string
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import DictLoader, Environment, StrictUndefined

from app.domain.bank import LabelledScenario
from app.domain.fingerprint import digest, text_digest
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Schema
from workers.methods.base import Ask, InvalidAnswer

LETTERS = string.ascii_uppercase
FENCE = "~"
FRAME_TOKENS = 40
"""JSON around one reasoning and its score or choice, a token a character."""
_FENCE_RUNS = re.compile(r"~{3,}")
_LEVEL_WORDS = ("very low", "low", "middling", "high", "very high")


class Templates:
    """The prompt templates of one method: the files of a folder of `workers.prompts`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @cached_property
    def _sources(self) -> dict[str, str]:
        folder = files("workers.prompts") / self._folder
        names = ("system.jinja", "question.jinja")
        return {name: (folder / name).read_text("utf-8") for name in names}

    @cached_property
    def _environment(self) -> Environment:
        # Prompts are plain text for a model, not HTML: nothing is to be escaped.
        return Environment(
            loader=DictLoader(self._sources),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )

    @property
    def digest(self) -> str:
        """Short hash of the templates."""
        return digest(self._sources)[:8]

    def profile(self, version: str) -> str:
        """A method's version with the digest: an edited prompt never meets old scores."""
        return f"{version}:{self.digest}"

    def system(self, **values: Any) -> str:
        """The system turn."""
        return self._environment.get_template("system.jinja").render(
            fence_character=FENCE, **values
        )

    def question(self, question: str, texts: Sequence[str], **values: Any) -> str:
        """A user turn: the question and the texts that are judged, each within fences."""
        return self._environment.get_template("question.jinja").render(
            question=question, fence=fence_for([question, *texts]), **values
        )


def example_order(example: LabelledScenario) -> list[int]:
    """Indices of an example's responses in the order in which prompts show them.

    It is the canonical order of candidates (see `app.domain.plan.canonical_scenario`). A bank's own
    order may tell its labels (the better one always first), and a model copies such a pattern from
    the examples to candidates that stand in another order.
    """
    return sorted(range(len(example.responses)), key=lambda i: text_digest(example.responses[i]))


def lettered(texts: Sequence[str]) -> list[dict[str, str]]:
    """Texts with the letters that prompts call them by."""
    return [{"letter": letter, "text": text} for letter, text in zip(LETTERS, texts, strict=False)]


def order_asks(scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
    """One ask for each presentation order, showing all candidates."""
    count = len(scenario.candidates)
    return [Ask(order) for order in presentation_orders(count, settings.orders, settings.seed)]


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
    return FENCE * (longest + 1)


def closed_object(properties: dict[str, Schema]) -> Schema:
    """A JSON object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def reasoning_schema(settings: ScorerSettings) -> Schema:
    """A sentence of reasoning."""
    return {"type": "string", "minLength": 1, "maxLength": settings.reasoning_chars}


def score_schema() -> Schema:
    """A score as the model writes it (paper appendix C.1)."""
    return {"type": "integer", "minimum": 0, "maximum": 100}


def level_word(label: float) -> str:
    """A label in [0, 1] in words: `very low` to `very high`."""
    return _LEVEL_WORDS[min(int(label * 5), 4)]


def example_reasoning(
    attribute: Attribute, example: LabelledScenario, index: int, settings: ScorerSettings
) -> str:
    """Why a response of an example has its label, in the bank's words or else in plain ones."""
    given = (example.reasonings or [{}] * len(example.responses))[index].get(attribute.name)
    if not (given and given.strip()):
        given = f"Its {attribute.name} is {level_word(example.labels[index][attribute.name])}."
    return shortened(given, settings)


def shortened(reasoning: str, settings: ScorerSettings) -> str:
    """A sentence of an example no longer than those asked for: examples teach length as well."""
    return textwrap.shorten(reasoning, settings.reasoning_chars, placeholder=" …")


@dataclass(frozen=True, slots=True)
class OneAnswer:
    """An answer with one member, after a reasoning where one is asked for."""

    member: str

    def schema(self, value: Schema, settings: ScorerSettings) -> Schema:
        """The object, with `value` for the member's schema."""
        reasoning = {"reasoning": reasoning_schema(settings)} if settings.reasoning else {}
        return closed_object({**reasoning, self.member: value})

    def tokens(self, settings: ScorerSettings) -> int:
        """A token a character, see `ComparativeRegression.answer_tokens`."""
        return (settings.reasoning_chars if settings.reasoning else 0) + FRAME_TOKENS + 16

    def least_tokens(self, settings: ScorerSettings) -> int:
        """A third of the characters, see `ComparativeRegression.least_answer_tokens`."""
        return (settings.reasoning_chars // 3 if settings.reasoning else 0) + FRAME_TOKENS

    def read(self, text: str, settings: ScorerSettings) -> tuple[Any, str | None]:
        """The member, still to be checked, and the reasoning. Raises `InvalidAnswer`."""
        answer = decoded(text)
        members = {"reasoning", self.member} if settings.reasoning else {self.member}
        if not isinstance(answer, dict) or set(answer) != members:
            raise InvalidAnswer(f"not exactly {' and '.join(sorted(members))}")
        reasoning = read_reasoning(answer["reasoning"], settings) if settings.reasoning else None
        return answer[self.member], reasoning


def decoded(text: str) -> Any:
    """An answer's JSON. Raises `InvalidAnswer`."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidAnswer(f"not JSON: {error}") from error


def read_reasoning(value: Any, settings: ScorerSettings, where: str = "") -> str:
    """A reasoning, if it is one. Raises `InvalidAnswer`."""
    if not isinstance(value, str) or len(value) > settings.reasoning_chars:
        raise InvalidAnswer(f"{where}the reasoning is no text of the length asked for")
    return value


def read_score(value: Any, where: str = "") -> float:
    """A whole number of 0 to 100, scaled to [0, 1]. Raises `InvalidAnswer`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise InvalidAnswer(f"{where}the score is not a whole number of 0 to 100")
    return value / 100
