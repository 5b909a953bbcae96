"""Indexing ahead of need: every bank gets its turn, whatever becomes of another one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from app.errors import StoreUnavailable, UnknownBank
from workers import loop
from workers.loop import index_again_in_s, index_forever


class Banks:
    """The banks that are stored, once the store answers."""

    def __init__(self, *digests: str, away: int = 0) -> None:
        self.stored = list(digests)
        self.away = away
        self.listed = 0

    async def digests(self) -> list[str]:
        self.listed += 1
        if self.listed <= self.away:
            raise StoreUnavailable("Redis does not answer")
        return self.stored


class Library:
    """Builds at once what is not said to fail, and remembers what it was asked for."""

    def __init__(self, **failing: Exception) -> None:
        self.failing = failing
        self.asked: list[str] = []
        self.ready: list[str] = []

    async def get(self, digest: str) -> None:
        self.asked.append(digest)
        await asyncio.sleep(0)
        if digest in self.failing:
            raise self.failing[digest]
        self.ready.append(digest)


@asynccontextmanager
async def indexing(banks: Banks, library: Library) -> AsyncIterator[asyncio.Queue[str]]:
    """The indexer at work; yields where the notices of new banks arrive."""
    notices: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(index_forever(banks, library, SimpleNamespace(banks=notices)))
    yield notices
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def soon(monkeypatch):
    """Second tries come at once."""
    monkeypatch.setattr(loop, "index_again_in_s", lambda failures: 0.001)


async def test_banks_that_there_are_come_first_then_each_new_one():
    library = Library()
    async with indexing(Banks("a", "b"), library) as notices:
        await until(lambda: library.ready == ["a", "b"])
        notices.put_nowait("c")
        await until(lambda: library.ready == ["a", "b", "c"])


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("takes nothing in"), RuntimeError("a bug"), MemoryError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_bank_that_fails_does_not_keep_the_others_from_their_turn(error):
    library = Library(large=error)
    async with indexing(Banks("large", "small"), library) as notices:
        notices.put_nowait("new")
        await until(lambda: set(library.ready) == {"small", "new"})
    assert "large" in library.asked


async def test_a_bank_that_failed_is_tried_again_while_nothing_else_happens(soon):
    library = Library(late=StoreUnavailable("Redis does not answer"))
    async with indexing(Banks("late"), library):
        await until(lambda: library.asked.count("late") > 2)
        library.failing.clear()
        await until(lambda: library.ready == ["late"])


async def test_a_bank_that_was_deleted_meanwhile_is_not_tried_again(soon):
    library = Library(gone=UnknownBank("no bank has this digest"), broken=RuntimeError("x"))
    async with indexing(Banks("gone", "broken"), library):
        await until(lambda: library.asked.count("broken") > 3)
        assert library.asked.count("gone") == 1


async def test_a_store_that_is_away_at_first_is_asked_again(soon):
    library = Library()
    async with indexing(Banks("a", away=3), library):
        await until(lambda: library.ready == ["a"])


async def test_after_an_absence_of_the_store_banks_are_found_that_nobody_told_of(soon):
    """Notices that were published while nobody listened are lost."""
    banks, library = Banks("a"), Library(a=StoreUnavailable("Redis does not answer"))
    async with indexing(banks, library):
        await until(lambda: library.asked)
        banks.stored.append("missed")
        await until(lambda: "missed" in library.ready)


def test_second_tries_become_seldom_but_never_stop():
    waits = [index_again_in_s(failures) for failures in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[0] <= 1
    assert waits[-1] == waits[-2] <= 600
