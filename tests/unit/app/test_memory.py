"""Values that are kept in the process for a moment."""

from __future__ import annotations

import asyncio

import pytest

from app.store.memory import Memory


class Source:
    """Counts reads, each of which lasts until it is released."""

    def __init__(self) -> None:
        self.reads = 0
        self.go = asyncio.Event()
        self.value: str | None = "one"

    async def read(self) -> str | None:
        self.reads += 1
        value = self.value
        await self.go.wait()
        return value


async def test_callers_at_the_same_time_share_one_read():
    memory, source = Memory[str](), Source()
    calls = [asyncio.create_task(memory.get("name", source.read)) for _ in range(20)]
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(*calls) == ["one"] * 20
    assert await memory.get("name", source.read) == "one"
    assert source.reads == 1


async def test_a_caller_after_a_change_gets_no_value_from_before_it():
    memory, source = Memory[str](), Source()
    early = asyncio.create_task(memory.get("name", source.read))
    while source.reads == 0:
        await asyncio.sleep(0)
    source.value = "two"
    memory.forget()
    late = asyncio.create_task(memory.get("name", source.read))
    while source.reads == 1:
        await asyncio.sleep(0)
    source.go.set()
    assert (await early, await late) == ("one", "two")
    assert await memory.get("name", source.read) == "two"
    assert source.reads == 2


async def test_a_caller_that_leaves_does_not_end_the_read_of_the_others():
    memory, source = Memory[str](), Source()
    first, second = (asyncio.create_task(memory.get("name", source.read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    source.go.set()
    assert await second == "one"
    assert source.reads == 1


async def test_absence_and_failure_are_not_kept():
    memory, source = Memory[str](), Source()
    source.value = None
    source.go.set()
    assert await memory.get("name", source.read) is None
    source.value = "one"
    assert await memory.get("name", source.read) == "one"

    async def fail() -> str | None:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await memory.get("other", fail)
    assert await memory.get("other", source.read) == "one"
