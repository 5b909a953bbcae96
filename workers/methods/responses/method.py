"""Prompts for writing: a plain one, and SPICA's with examples of what people prefer (section 3.3).

The examples say how, not what, to answer: by the text of a response or by the instruction of its
class, for the response that people find most appropriate and, contrasting, the least appropriate.
The wording is Azimuth's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.bank import LabelledScenario
from app.domain.ratings.groups import APPROPRIATENESS
from app.domain.writing import Style, Turn, Writing
from workers.methods.base import Examples
from workers.methods.templates import Templates, fence_for
from workers.tokenization.conversation import Message

_VERSION = "responses/1"
WORDS = ("Very unfitting", "Unfitting", "Partly fitting", "Fitting", "Very fitting")
"""An appropriateness in words, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """One response of an example, as a prompt shows it."""

    words: str
    text: str


@dataclass(frozen=True, slots=True)
class _Example:
    question: str
    shown: tuple[_Shown, ...]


class Responses:
    """Builds the conversation that the model goes on with."""

    def __init__(self) -> None:
        self._templates = Templates("responses", names=("system.jinja",))

    @property
    def profile(self) -> str:
        """Version and digest of the templates."""
        return self._templates.profile(_VERSION)

    def messages(
        self,
        conversation: Sequence[Turn],
        writing: Writing,
        examples: Examples,
        instructions: Mapping[str, str],
    ) -> tuple[Message, ...]:
        """Build a system turn, and the conversation after it.

        The caller's own system message takes the place of the default one. `instructions` are those
        of the bank's response classes.
        """
        own = conversation[0].content if conversation[0].role == "system" else ""
        style = writing.style
        shown = [_shown(one, style, instructions) for one in examples] if style else []
        kept = [one for one in shown if one is not None]
        texts = [text for one in kept for text in (one.question, *(s.text for s in one.shown))]
        system = self._templates.system(
            own=own,
            instruction=writing.instruction,
            examples=kept,
            contrasts=style in ("C-I", "C-R"),
            what="way to answer" if style in ("P-I", "C-I") else "answer",
            fence=fence_for(texts),
        )
        turns = conversation[1:] if own else conversation
        return (
            Message("system", system.strip()),
            *(Message(turn.role, turn.content) for turn in turns),
        )


def shows(scenario: LabelledScenario, style: Style, instructions: Mapping[str, str]) -> bool:
    """Return whether a scenario can be an example of a style: it has something to show."""
    return _shown(scenario, style, instructions) is not None


def _shown(
    scenario: LabelledScenario, style: Style, instructions: Mapping[str, str]
) -> _Example | None:
    """Return what an example shows: the most appropriate response, and for contrast the least."""
    texts: dict[int, str] = {}
    for place, response in enumerate(scenario.responses):
        if APPROPRIATENESS not in scenario.labels[place]:
            continue
        name = scenario.response_classes[place] if scenario.response_classes else None
        text = response if style in ("P-R", "C-R") else instructions.get(name or "", "")
        if text:
            texts[place] = text
    if not texts:
        return None
    worth = {place: scenario.labels[place][APPROPRIATENESS] for place in texts}
    best, worst = max(texts, key=worth.__getitem__), min(texts, key=worth.__getitem__)
    places = [best]
    if style in ("C-I", "C-R") and worth[worst] < worth[best] and texts[worst] != texts[best]:
        places.append(worst)
    return _Example(
        scenario.question,
        tuple(_Shown(appropriateness_words(worth[place]), texts[place]) for place in places),
    )


def appropriateness_words(value: float) -> str:
    """Return the nearest of five steps for a value in [0, 1]."""
    return WORDS[min(len(WORDS) - 1, int(value * (len(WORDS) - 1) + 0.5))]
