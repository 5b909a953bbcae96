"""What a scoring method is. Pure: methods build and read texts and call no model.

There are two kinds. Methods that write have the judge answer in JSON and read the text. Methods
that read probabilities have it write nothing and read the probabilities of a few tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from app.domain.bank import LabelledScenario
from app.domain.scenario import Scenario
from app.domain.scorer import ScorerSettings
from workers.engines.base import Schema
from workers.subject import Subject
from workers.tokenization.conversation import Message

S_co = TypeVar("S_co", bound=Subject, covariant=True)
S_contra = TypeVar("S_contra", bound=Subject, contravariant=True)
A = TypeVar("A", bound="Ask")
Examples: TypeAlias = tuple[LabelledScenario, ...]
"""In-context examples in the order in which a prompt shows them."""


class InvalidAnswer(ValueError):
    """The model's text is not an answer of the requested form."""


@dataclass(frozen=True, slots=True)
class Task(Generic[S_co]):
    """What a judge is asked: to score candidates on a subject, or to choose one of them."""

    subject: S_co
    scenario: Scenario
    settings: ScorerSettings


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt of a task: the candidates that it shows, in order."""

    positions: tuple[int, ...]
    """Indices into `Scenario.candidates`, in the order in which the prompt shows them."""


@dataclass(frozen=True, slots=True)
class AskAboutOne(Ask):
    """One prompt whose answer is about one of the candidates that it shows."""

    judged: int
    """Index of that candidate in `Scenario.candidates`."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one answer says about one candidate."""

    position: int
    """Index into `Scenario.candidates`."""
    score: float
    """In [0, 1]; of a choice, 1 for the chosen candidate and 0 for the others."""
    reasoning: str | None = None
    probabilities: tuple[float, ...] = ()
    """Probabilities of the digits, where these were read."""
    attribute: str | None = None
    """Name of the attribute, where the answer is about several."""


class Method(Protocol[S_contra, A]):
    """What all methods have in common: how they prompt."""

    name: str
    """Name that requests use."""

    @property
    def profile(self) -> str:
        """Version of the prompts."""

    def asks(self, scenario: Scenario, settings: ScorerSettings) -> list[A]:
        """Return the prompts that together score every candidate at least once."""

    def messages(self, task: Task[S_contra], ask: A, examples: Examples) -> tuple[Message, ...]:
        """Build the conversation for one ask."""


class WritingMethod(Method[S_contra, Ask], Protocol[S_contra]):
    """A method whose judge answers in JSON."""

    def schema(self, ask: Ask, settings: ScorerSettings) -> Schema:
        """Return the JSON schema of the answer."""

    def answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Return how many tokens the longest valid answer takes, with a margin."""

    def least_answer_tokens(self, ask: Ask, settings: ScorerSettings) -> int:
        """Return how many tokens an ordinary valid answer takes: the least room to leave for it."""

    def read(self, text: str, ask: Ask, settings: ScorerSettings) -> list[Judgement]:
        """Read an answer: one judgement for each candidate of `ask` and requested attribute.

        Raises `InvalidAnswer`.
        """


class ReadingMethod(Method[S_contra, AskAboutOne], Protocol[S_contra]):
    """A method that reads the probabilities of tokens instead of a written answer."""

    tokens: tuple[str, ...]
    """The tokens whose probabilities are read, each as the first of an answer."""

    def judgement(self, ask: AskAboutOne, probabilities: Sequence[float]) -> Judgement | None:
        """Turn the probabilities of `tokens` into a score; None if all of them are 0."""
