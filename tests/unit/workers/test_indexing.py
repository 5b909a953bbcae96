"""Indexing ahead of need: every bank is indexed, even if another one fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from app.errors import StoreUnavailable, UnknownBank
from workers.indexing import index_forever
from workers.policy import Backoff

SLOW, FAST = Backoff(60, 60), Backoff(0.001, 0.001)


class Banks:
    """The stored banks; the first `away` listings fail."""

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
    """Indexes every bank that is not set to fail, and records the requests."""

    def __init__(self, **failing: Exception) -> None:
        self.failing = failing
        self.asked: list[str] = []
        self.ready: list[str] = []
        self.failed: dict[str, str] = {}

    def prune(self, current: list[str]) -> None:
        """Delete nothing."""

    async def get(self, digest: str) -> None:
        self.asked.append(digest)
        await asyncio.sleep(0)
        if digest in self.failing:
            raise self.failing[digest]
        self.ready.append(digest)

    async def fit_groups(self, digest: str) -> None:
        """Fit nothing."""


@asynccontextmanager
async def indexing(
    banks: Banks, library: Library, backoff: Backoff = SLOW
) -> AsyncIterator[asyncio.Queue[str]]:
    """Run the indexer; yields the queue of notices about new banks."""
    notices: asyncio.Queue[str] = asyncio.Queue()
    hub = SimpleNamespace(banks=notices)
    task = asyncio.create_task(index_forever(banks, library, hub, backoff))
    yield notices
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_stored_banks_are_indexed_first_then_each_new_one():
    library = Library()
    async with indexing(Banks("a", "b"), library) as notices:
        await until(lambda: library.ready == ["a", "b"])
        notices.put_nowait("c")
        await until(lambda: library.ready == ["a", "b", "c"])


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("refuses writes"), RuntimeError("a bug"), MemoryError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_bank_that_fails_does_not_hold_up_the_others(error):
    library = Library(large=error)
    async with indexing(Banks("large", "small"), library) as notices:
        notices.put_nowait("new")
        await until(lambda: set(library.ready) == {"small", "new"})
    assert "large" in library.asked


async def test_a_bank_that_failed_is_retried_without_another_notice():
    library = Library(late=StoreUnavailable("Redis does not answer"))
    async with indexing(Banks("late"), library, FAST):
        await until(lambda: library.asked.count("late") > 2)
        assert library.failed == {"late": "Redis does not answer"}
        library.failing.clear()
        await until(lambda: library.ready == ["late"])
    assert library.failed == {}


async def test_a_bank_that_was_deleted_meanwhile_is_not_retried():
    library = Library(gone=UnknownBank("no bank has this digest"), broken=RuntimeError("x"))
    async with indexing(Banks("gone", "broken"), library, FAST):
        await until(lambda: library.asked.count("broken") > 3)
        assert library.asked.count("gone") == 1
        assert list(library.failed) == ["broken"]


async def test_a_store_that_is_away_at_first_is_asked_again():
    library = Library()
    async with indexing(Banks("a", away=3), library, FAST):
        await until(lambda: library.ready == ["a"])


async def test_after_the_store_was_away_banks_without_a_notice_are_found():
    """Notices that were published meanwhile are lost."""
    banks, library = Banks("a"), Library(a=StoreUnavailable("Redis does not answer"))
    async with indexing(banks, library, FAST):
        await until(lambda: library.asked)
        banks.stored.append("missed")
        await until(lambda: "missed" in library.ready)
