"""Computations in a separate process."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from app.calibrations.background.process import in_a_process
from app.calibrations.fitting.rows import TooFewLabels
from tests.support import wait_until


def echo(value):
    return value, os.getpid()


def refuse():
    raise TooFewLabels("19 scenarios")


def die():
    os._exit(3)


def take_long(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_result_is_returned_and_the_process_ends():
    value, pid = await in_a_process(echo, b"x" * 1_000_000)
    assert value == b"x" * 1_000_000
    assert pid != os.getpid()
    assert not runs(pid)


async def test_errors_are_raised_with_their_traceback():
    with pytest.raises(TooFewLabels, match="19 scenarios") as caught:
        await in_a_process(refuse)
    assert "in refuse" in caught.value.__notes__[0]  # where, for the log


async def test_a_killed_process_raises_an_error():
    with pytest.raises(RuntimeError, match="ended with status 3"):
        await in_a_process(die)


async def test_waiting_does_not_occupy_the_event_loop_s_threads():
    """Uploads and large requests need them."""
    threads = min(32, (os.cpu_count() or 1) + 4)
    tasks = [asyncio.create_task(in_a_process(time.sleep, 60)) for _ in range(threads)]
    await asyncio.sleep(0.5)
    try:
        assert await asyncio.wait_for(asyncio.to_thread(int), 20) == 0
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_cancelling_kills_the_process(tmp_path):
    path = tmp_path / "pid"
    task = asyncio.create_task(in_a_process(take_long, path))
    await asyncio.to_thread(
        wait_until, lambda: path.exists() and path.read_text(), what="the process"
    )
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not runs(int(path.read_text()))
