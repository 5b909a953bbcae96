"""Conversations, and prompts made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation, ready for an engine."""

    messages: tuple[Message, ...]
    length: int
    """Tokens; exact where the engine has a tokenizer. If they are more than the context has, the
    number may be a lower bound; such a prompt has no content and is never sent."""
    token_ids: tuple[int, ...] | None = None
    """The conversation as tokens; None for engines that tokenize themselves."""
