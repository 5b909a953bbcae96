"""Concurrent work of which all ends when one part fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")


async def gather_or_cancel(work: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Return the results in order. Raise the first failure and cancel the rest.

    `asyncio.gather` would leave the rest running: an overloaded engine would go on with work whose
    result is discarded.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
