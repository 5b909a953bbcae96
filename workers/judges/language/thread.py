"""The thread in which prompts are built, shared fairly among jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
_SLICE_S = 0.02


@dataclass(frozen=True, slots=True)
class _Ended(Generic[_T]):
    result: _T


class PromptThread:
    """Runs work off the event loop: heartbeats and leases must not wait for long prompts.

    There is one thread, because a tokenizer serves one caller at a time.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prompts")

    async def run(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Return what `work` returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *arguments)

    async def run_in_slices(self, work: Generator[None, None, _T]) -> _T:
        """Return what a generator returns. After each slice of it, work that waits comes first."""
        while True:
            ended: _Ended[_T] | None = await self.run(_slice, work)
            if ended is not None:
                return ended.result


def _slice(work: Generator[None, None, _T]) -> _Ended[_T] | None:
    """Run a generator for a while; None if it has not ended."""
    until = time.perf_counter() + _SLICE_S
    while time.perf_counter() < until:
        try:
            next(work)
        except StopIteration as end:
            return _Ended(end.value)
    return None
