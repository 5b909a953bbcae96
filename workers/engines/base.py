"""The seam to whatever runs the language model, and the errors that cross it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

FinishReason = Literal["stop", "length", "other"]
Schema = dict[str, Any]
"""JSON Schema that an answer must satisfy."""


class EngineError(Exception):
    """Something went wrong in the engine; what, the subclass says."""


class EngineOverloaded(EngineError):
    """The engine has too much to do just now; the same request may pass later."""


class EngineUnavailable(EngineError):
    """The engine cannot be reached just now."""


class EngineDead(EngineError):
    """The engine will not answer again; its process must be started anew."""


class EngineRejected(EngineError):
    """The engine will never take this request."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation, ready to be answered."""

    messages: tuple[Message, ...]
    length: int
    """Tokens, exact where the engine has a tokenizer."""
    token_ids: tuple[int, ...] | None = None
    """The conversation as tokens; None for engines that tokenize on their own."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn."""

    max_tokens: int
    temperature: float = 0.0
    samples: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One text that the model wrote."""

    text: str
    finish_reason: FinishReason
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Generation:
    """All answers to one prompt."""

    answers: tuple[Answer, ...]
    prompt_tokens: int
    """Tokens that the model was given; where each sample is given the prompt, once for each."""
    cached_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class LabelProbabilities:
    """How likely an answer is to begin with each of some labels."""

    probabilities: tuple[float, ...]
    """One a label, among all tokens of the vocabulary: what is missing to 1 goes to other words."""
    prompt_tokens: int
    cached_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine runs: everything of it that can change an answer."""

    engine: str
    model: str
    revision: str
    context_length: int
    """Tokens of prompt and answer together."""
    settings: str = ""
    """Settings that change numbers, e.g. the data type."""


class Engine(Protocol):
    """Runs a language model. Every error that leaves it is an `EngineError`."""

    async def start(self) -> EngineInfo:
        """Load the model. Returns when it can answer."""

    async def close(self) -> None:
        """Let the model go."""

    def encode(self, messages: tuple[Message, ...]) -> Prompt:
        """Make a conversation ready. Contents are data: nothing in them is a special token."""

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Answer a prompt with JSON that satisfies `schema`, `sampling.samples` times."""

    def check_labels(self, labels: tuple[str, ...]) -> str | None:
        """Why labels cannot be read: each must be a token of its own. None when they can."""

    async def read_labels(self, prompt: Prompt, labels: tuple[str, ...]) -> LabelProbabilities:
        """Probabilities of labels as the first token of the answer, unmasked and untempered."""

    async def check(self) -> None:
        """Have the model write one token; raises when it cannot."""
