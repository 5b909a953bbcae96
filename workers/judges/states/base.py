"""What reads hidden states, whatever runs the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.arrays import Floats
from workers.engines.base import EngineInfo
from workers.errors import EngineError
from workers.judges.plaintext import Tokens

SHARES = (0.4, 0.6, 0.8)
"""How deep the layers are that are read unless the settings name others: middle layers know most
about a text; the last ones are busy with the next token."""


@dataclass(frozen=True, slots=True)
class Reading:
    """States of one candidate, and the tokens that were read for it."""

    states: Floats
    """(layers, width)"""
    prompt_tokens: int
    cached_prompt_tokens: int = 0


class StateReader(Protocol):
    """Reads hidden states. Every error it raises is a `workers.errors.EngineError`."""

    async def start(self) -> EngineInfo:
        """Load the model. Return when it can read."""

    async def close(self) -> None:
        """Release the model."""

    async def check(self) -> None:
        """Have the model read something short. Raise if it cannot."""

    @property
    def progress(self) -> int:
        """Number of passes so far; it stands still when the model hangs."""

    @property
    def reads(self) -> str:
        """What is read, for the fingerprint; known after `start()`."""

    async def encode(self, question: str, candidates: Sequence[str]) -> list[Tokens]:
        """Encode each candidate as the reply to a question; nothing is cut that could be read."""

    async def read(self, texts: Sequence[Tokens]) -> list[Reading]:
        """Read encoded texts, none of which is longer than the context; one reading each."""


def chosen_layers(asked: str | None, depth: int) -> tuple[int, ...]:
    """Return the layers to read of a model with `depth` layers, in ascending order.

    `asked` is a list of numbers with commas. Raises `EngineError` for what is no layer.
    """
    if asked is None:
        return tuple(sorted({max(1, round(depth * share)) for share in SHARES}))
    try:
        layers = sorted({int(one) for one in asked.split(",")})
    except ValueError:
        layers = [0]
    if not 1 <= layers[0] <= layers[-1] <= depth:
        raise EngineError(
            f"AZIMUTH_STATE_LAYERS={asked}: give the numbers of layers, from 1 to {depth}, with "
            "commas between them"
        )
    return tuple(layers)


def means_of(layers: Sequence[int] | str) -> str:
    """Name states that are averaged over the candidate's tokens."""
    return f"mean,layers={layers if isinstance(layers, str) else '+'.join(map(str, layers))}"


def states_profile(reads: str) -> dict[str, str]:
    """What a worker announces that reads this: it changes with what is read."""
    return {"probe": f"probe/1:{reads}"}
