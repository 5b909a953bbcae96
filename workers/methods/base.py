"""What a scoring method is: how it asks, and how it reads the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Message, Schema

Joint: TypeAlias = tuple[Attribute, ...]
"""Attributes that one prompt asks for together, by name."""
Subject = TypeVar("Subject", Attribute, Choice, Joint, contravariant=True)
"""What is asked about the candidates: an attribute or several, or which of them to choose."""


class InvalidAnswer(ValueError):
    """The model's text is not the answer that was asked for."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt about a scenario: which candidates it shows, in which order."""

    positions: tuple[int, ...]
    """Places in `Scenario.candidates`, in the order in which the prompt shows them."""
    judged: int | None = None
    """Place in `Scenario.candidates` of the one that the answer is about; None for all."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one answer says about one candidate."""

    position: int
    """Place in `Scenario.candidates`."""
    score: float
    """In [0, 1]; of a choice, 1 for the candidate that was chosen and 0 for the others."""
    reasoning: str | None
    raw: tuple[float, ...] = ()
    """Probabilities of the labels, where these were read."""
    attribute: str | None = None
    """Name of the attribute, where the answer is about several."""


class Method(Protocol[Subject]):
    """A method. Pure: it builds and reads texts and touches no model."""

    name: str
    """What requests call it."""

    @property
    def profile(self) -> str:
        """Version of its prompts."""

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
        """The prompts that together score every candidate, one or more times."""

    def messages(
        self,
        subject: Subject,
        examples: tuple[LabelledScenario, ...],
        scenario: Scenario,
        ask: Ask,
        settings: ScorerSettings,
    ) -> tuple[Message, ...]:
        """The conversation for one ask; `examples` in the order in which they stand in it."""

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """What the answer must look like."""

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Tokens that the longest valid answer takes, with room to spare."""

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Tokens that an ordinary valid answer takes; less room than that is too little."""

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read an answer, one judgement a candidate of `ask` and attribute that was asked for.

        Raises `InvalidAnswer`.
        """
