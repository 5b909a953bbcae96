"""Attributes, candidates and scenarios."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from app.domain.writing import Writing

MAX_CANDIDATES = 1000
"""Maximum number of candidates in a scenario, for any method."""
MAX_SHOWN_TOGETHER = 26
"""The same for methods of a language model that writes: prompts name candidates by letters."""


class Attribute(Struct, frozen=True):
    """One dimension that candidates are scored on."""

    name: str
    """Short name, unique within a request: `helpfulness`."""
    definition: str
    """What the attribute means. Part of the prompt."""
    low: str = ""
    """Description of a response that scores 0."""
    high: str = ""
    """Description of a response that scores 1."""
    levels: tuple[float, ...] = ()
    """The values in [0, 1] that labels of this attribute take; empty when labels are continuous."""


class AttributeSet(Struct, frozen=True):
    """A named group of attributes, and the bank that has labels for them."""

    name: str
    attributes: tuple[Attribute, ...]
    description: str = ""
    bank: str | None = None
    """Name of the bank of in-context examples, unless a request names another."""

    def find(self, name: str) -> Attribute | None:
        """The attribute with this name, or None."""
        return next((a for a in self.attributes if a.name == name), None)


CHOICE = "(choice)"
"""Name of a cell with a choice. It is reserved: attributes and targets cannot use it."""


class Choice(Struct, frozen=True):
    """The input of a method that chooses a candidate directly, without scoring attributes."""

    attributes: tuple[Attribute, ...] = ()
    """The attributes of the target; empty for methods without a target."""
    target: dict[str, float] = {}
    """Attribute -> desired value."""
    persona: str = ""
    """Who chooses, in the caller's words."""

    @property
    def name(self) -> str:
        """Name of its cell."""
        return CHOICE


STATES = "(states)"
"""Name of a cell with hidden states. It is reserved as well."""


class States(Struct, frozen=True):
    """The input of a method that reads hidden states: nothing besides the scenario."""

    @property
    def name(self) -> str:
        """Name of its cell."""
        return STATES


Asked: TypeAlias = Attribute | Choice | States | Writing
"""What a cell is about."""


class Candidate(Struct, frozen=True):
    """One response as sent by the caller."""

    id: str
    text: str


class Scenario(Struct, frozen=True):
    """A question and its distinct candidate texts, in canonical order.

    They depend on what a reader sees: reordering or repeating candidates in a request, or writing
    them in another Unicode form, results in the same scenario (see
    `app.domain.plan.canonical_scenario`).
    """

    question: str
    candidates: tuple[str, ...]


class Presentation(Struct, frozen=True):
    """A caller's ids and order for the candidates of a scenario."""

    ids: tuple[str, ...]
    """Candidate ids, in the caller's order."""
    positions: tuple[int, ...]
    """Index of each of the caller's candidates in `Scenario.candidates`."""
