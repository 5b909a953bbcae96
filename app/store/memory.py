"""What rarely changes is kept in the process for a moment, and dropped when a notice comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cachetools import TTLCache

V = TypeVar("V")
_SIZE = 1000
_MAX_AGE_S = 5.0
"""How long a value may be stale while the subscription to notices is down."""


class Memory(Generic[V]):
    """Values by name. `forget` drops them all; names that have no value are not kept."""

    def __init__(self, *, max_age_s: float = _MAX_AGE_S) -> None:
        self._values: TTLCache[str, V] = TTLCache(_SIZE, max_age_s)
        self._changes = 0

    async def get(self, name: str, read: Callable[[], Awaitable[V | None]]) -> V | None:
        """The value of a name, from memory or else from `read`."""
        known = self._values.get(name)
        if known is not None:
            return known
        changes = self._changes
        value = await read()
        if value is not None and changes == self._changes:  # not overtaken by a change
            self._values[name] = value
        return value

    def forget(self) -> None:
        """Read everything again next time."""
        self._values.clear()
        self._changes += 1
