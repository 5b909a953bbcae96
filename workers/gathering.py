"""Side by side, and all ended when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")


async def gather_or_cancel(work: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
    """The results in order. The first failure is raised and the others are called off.

    `asyncio.gather` would leave them running: an overloaded engine would go on with work that
    nobody waits for.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
