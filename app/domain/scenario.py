"""What is scored: attributes, candidates, and scenarios made of them."""

from __future__ import annotations

from msgspec import Struct

MAX_CANDIDATES = 26
"""Different texts that one scenario may have: prompts name them by letters."""


class Attribute(Struct, frozen=True):
    """One dimension that candidates are scored on."""

    name: str
    """Short name, unique within a request: `helpfulness`."""
    definition: str
    """What the attribute means, as the model reads it."""
    low: str = ""
    """What a score of 0 looks like."""
    high: str = ""
    """What a score of 1 looks like."""
    levels: tuple[float, ...] = ()
    """The values in [0, 1] that labels of this attribute take; empty when labels are continuous."""


class AttributeSet(Struct, frozen=True):
    """Attributes that belong together, and the bank that labels them."""

    name: str
    attributes: tuple[Attribute, ...]
    description: str = ""
    bank: str | None = None
    """Name of the bank that examples come from unless a request says otherwise."""

    def find(self, name: str) -> Attribute | None:
        """The attribute called `name`, or None."""
        return next((a for a in self.attributes if a.name == name), None)


CHOICE = "(choice)"
"""Name of a cell that holds a choice. No attribute can be called so: no target can name it."""


class Choice(Struct, frozen=True):
    """What a method is asked that prefers candidates outright, without scoring any attribute."""

    attributes: tuple[Attribute, ...] = ()
    """The attributes of the target; none for methods that read no target."""
    target: dict[str, float] = {}
    """Attribute -> desired value."""

    @property
    def name(self) -> str:
        """What its cell is called."""
        return CHOICE


class Candidate(Struct, frozen=True):
    """One response as its caller sent it."""

    id: str
    text: str


class Scenario(Struct, frozen=True):
    """A question and its distinct candidate texts, in canonical order.

    The order is by content, so the same candidates listed in another order, or one of them twice,
    are the same scenario (see `app.domain.plan.canonical_scenario`).
    """

    question: str
    candidates: tuple[str, ...]


class Presentation(Struct, frozen=True):
    """How one caller listed the candidates of a scenario."""

    ids: tuple[str, ...]
    """The caller's candidate ids, in the caller's order."""
    positions: tuple[int, ...]
    """For each of the caller's candidates, its place in `Scenario.candidates`."""
