"""What a model is asked to write: a conversation, and for each text how to respond. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

TEXT = "(text)"
"""Name of a cell with a written text. It is reserved, as those of choices and states are."""

Style = Literal["P-I", "C-I", "P-R", "C-R"]
"""How a prompt shows what people prefer (SPICA's section 3.3): the most appropriate response alone
(P), or the least appropriate as well (C); as the instruction of its class (I), or as text (R)."""

Finish = Literal["stop", "length", "other"]
"""Why a text ends: the model ended it, its limit of tokens cut it, or something else."""


class Turn(Struct, frozen=True):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Writing(Struct, frozen=True, omit_defaults=True):
    """One text to be written in answer to a conversation."""

    max_tokens: int
    sample: int = 0
    """Its number among those that differ in nothing else. It moves the seed."""
    instruction: str = ""
    """How to respond, e.g. the instruction of a response class; empty for none."""
    style: Style | None = None
    """How examples are shown; None without examples."""
    worth: dict[str, float] = {}
    """For a person: response class -> the rating expected of the person, on [0, 1]."""

    @property
    def name(self) -> str:
        """Name of its cell."""
        return TEXT


class WrittenText(Struct, frozen=True):
    """A text that a model has written."""

    text: str
    finish: Finish


class Piece(Struct, frozen=True):
    """A part of a text that is being written."""

    field: str
    """The text's cell."""
    start: int
    """Characters of the text before this part."""
    text: str
