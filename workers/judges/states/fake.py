"""Made-up hidden states, for tests and for development."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.settings import EngineSettings
from workers.engines.base import EngineInfo
from workers.engines.fake import FakeEngine
from workers.judges.plaintext import Tokens
from workers.judges.states.base import Reading, chosen_layers, means_of
from workers.tokenization.conversation import Message

_DEPTH, _WIDTH = 10, 16


@dataclass(frozen=True, slots=True)
class _Text(Tokens):
    question: str = ""
    candidate: str = ""


class FakeReader:
    """The states of the fake engine, with its latency and its faults."""

    def __init__(self, engine: FakeEngine, settings: EngineSettings) -> None:
        self._engine = engine
        self.layers = chosen_layers(settings.state_layers, _DEPTH)
        self.progress = 0

    @property
    def reads(self) -> str:
        """The layers' means."""
        return means_of(self.layers)

    async def start(self) -> EngineInfo:
        """Return at once."""
        return await self._engine.start()

    async def close(self) -> None:
        """Do nothing: there is no model to release."""

    async def check(self) -> None:
        """Check the engine."""
        await self._engine.check()

    async def encode(self, question: str, candidates: Sequence[str]) -> list[Tokens]:
        """Count tokens as the engine does."""
        return [self._text(question, candidate) for candidate in candidates]

    def _text(self, question: str, candidate: str) -> Tokens:
        turns = Message("user", question), Message("assistant", candidate)
        ids = (0,) * self._engine.encode(turns).length
        return _Text(ids, ids, question=question, candidate=candidate)

    async def read(self, texts: Sequence[Tokens]) -> list[Reading]:
        """Make up the states of each text."""
        readings: list[Reading] = []
        for text in texts:
            assert isinstance(text, _Text), "texts come from encode()"
            states, tokens = await self._engine.read_states(
                text.question, text.candidate, len(self.layers), _WIDTH
            )
            self.progress += 1
            readings.append(Reading(np.array(states), tokens))
        return readings
