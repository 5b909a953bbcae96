"""The interface between a judge and the engine that runs its language model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from workers.tokenization.conversation import Message, Prompt

FinishReason = Literal["stop", "length", "refused", "other"]
Schema = dict[str, Any]
"""JSON Schema that an answer must satisfy."""
OnText = Callable[[str], None]
"""Is given each part of a text when it has been written."""


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
    """Tokens that the model read; the prompt counts once for each sample that reads it again."""
    cached_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TokenProbabilities:
    """Probabilities that the answer begins with each of some tokens."""

    probabilities: tuple[float, ...]
    """One for each token, out of the whole vocabulary: the rest to 1 belongs to other tokens."""
    prompt_tokens: int
    cached_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine runs: everything about it that can change an answer."""

    engine: str
    model: str
    revision: str
    context_length: int
    """Tokens of prompt and answer together."""
    settings: str = ""
    """Settings that change numbers, e.g. the data type."""


class Engine(Protocol):
    """Runs a language model. Every error it raises is a `workers.errors.EngineError`."""

    @property
    def steps(self) -> int:
        """Steps of the model so far; 0 where they cannot be counted."""

    async def start(self) -> EngineInfo:
        """Load the model. Return when it can answer."""

    async def close(self) -> None:
        """Release the model."""

    def encode(self, messages: tuple[Message, ...]) -> Prompt:
        """Prepare a conversation. Contents are data: nothing in them becomes a special token."""

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Answer a prompt with JSON that satisfies `schema`, `sampling.samples` times."""

    async def write(
        self, prompt: Prompt, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        """Answer a prompt with one free text. The parts given to `on_text` add up to it, unless
        the engine cannot give parts: then there are none."""

    def check_tokens(self, tokens: tuple[str, ...]) -> str | None:
        """Explain why the probabilities of `tokens` cannot be read; None if they can.

        Each must be a single token of the model, and no two the same.
        """

    async def read_probabilities(
        self, prompt: Prompt, tokens: tuple[str, ...]
    ) -> TokenProbabilities:
        """Read the probabilities of the answer's first token, before masks and temperature."""

    async def check(self) -> None:
        """Have the model write one token. Raise if it cannot."""
