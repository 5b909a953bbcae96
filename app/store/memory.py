"""What rarely changes is kept in the process for a moment, and dropped when a notice comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cachetools import TTLCache

V = TypeVar("V")
_SIZE = 1000
_MAX_AGE_S = 5.0
"""How long a value may be stale while the subscription to notices is down."""


class Memory(Generic[V]):
    """Values by name. `forget` drops them all; names that have no value are not kept.

    Callers that miss the same value at the same time share one read: when it expires under load,
    there would be as many as requests.
    """

    def __init__(self, *, max_age_s: float = _MAX_AGE_S) -> None:
        self._values: TTLCache[str, V] = TTLCache(_SIZE, max_age_s)
        self._reads: dict[str, asyncio.Task[V | None]] = {}
        """Reads in progress. One that `forget` has overtaken is no longer here."""

    async def get(self, name: str, read: Callable[[], Awaitable[V | None]]) -> V | None:
        """The value of a name, from memory or else from `read`."""
        known = self._values.get(name)
        if known is not None:
            return known
        reading = self._reads.get(name)
        if reading is None:
            reading = asyncio.create_task(self._read(name, read))
            self._reads[name] = reading
        # A caller that leaves must not end the read of the others.
        return await asyncio.shield(reading)

    def forget(self) -> None:
        """Read everything again next time."""
        self._values.clear()
        self._reads.clear()

    async def _read(self, name: str, read: Callable[[], Awaitable[V | None]]) -> V | None:
        this = asyncio.current_task()
        try:
            value = await read()
            if value is not None and self._reads.get(name) is this:
                self._values[name] = value
            return value
        finally:
            if self._reads.get(name) is this:
                del self._reads[name]
