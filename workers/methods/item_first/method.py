"""Comparative regression that shows question and candidates first and the attribute last.

All attributes of a scenario have the same prompt up to the attribute, so the engine computes a
scenario's tokens once and takes them from its prefix cache for the other attributes. That needs the
same examples for all of them: an example is shown once, followed by a turn for each attribute that
the bank labels, in the order of their names. What the model sees does not depend on which other
attributes are asked for, so cells are cached as those of other methods are.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute
from app.domain.scorer import ScorerSettings
from workers.methods.base import Ask, Examples, Task
from workers.methods.comparative.method import ComparativeRegression, example_answer
from workers.methods.presentation import LETTERS, example_order, lettered
from workers.methods.templates import Templates
from workers.tokenization.conversation import Message

_VERSION = "item-first/1"


class ItemFirstRegression(ComparativeRegression):
    """Asks as `ComparativeRegression` does, with the attribute at the end of the prompt."""

    def __init__(self) -> None:
        self._templates = Templates("item_first", "ask.jinja")

    @property
    def profile(self) -> str:
        """Version and digest of the templates."""
        return self._templates.profile(_VERSION)

    def messages(self, task: Task[Attribute], ask: Ask, examples: Examples) -> tuple[Message, ...]:
        """Build a system turn, turns for each example and its attributes, and the question."""
        scenario = task.scenario
        turns = [Message("system", self._templates.system())]
        for example in examples:
            turns += self._example(example, task.settings)
        shown = [scenario.candidates[position] for position in ask.positions]
        question = self._scene(scenario.question, shown, self._ask(task.subject, shown))
        turns.append(Message("user", question))
        return tuple(turns)

    def _example(self, example: LabelledScenario, settings: ScorerSettings) -> list[Message]:
        """Show an example once; its later turns name only the next attribute."""
        rated = [index for index in example_order(example) if example.labels[index]][: len(LETTERS)]
        texts = [example.responses[index] for index in rated]
        names = sorted({name for index in rated for name in example.labels[index]})
        turns: list[Message] = []
        for place, name in enumerate(names):
            # Definitions are those of a request, and only of the attribute that it asks for.
            attribute = Attribute(name, "")
            ask = self._ask(attribute, texts)
            shown = ask if place else self._scene(example.question, texts, ask)
            answer = example_answer(attribute, example, rated, settings)
            turns.append(Message("user", shown))
            turns.append(Message("assistant", msgspec.json.encode(answer).decode()))
        return turns

    def _scene(self, question: str, texts: Sequence[str], ask: str) -> str:
        return self._templates.question(question, texts, candidates=lettered(texts), ask=ask)

    def _ask(self, attribute: Attribute, texts: Sequence[str]) -> str:
        last = LETTERS[min(len(texts), len(LETTERS)) - 1]
        return self._templates.render("ask.jinja", attribute=attribute, count=len(texts), last=last)
