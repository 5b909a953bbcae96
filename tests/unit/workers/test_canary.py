"""The canary: when a silent model ends its worker."""

from __future__ import annotations

import asyncio

import pytest

from app.settings import WorkerSettings
from workers.canary import Canary
from workers.consumer import Consumer
from workers.errors import EngineDead, EngineError, EngineUnavailable, WorkerFailed
from workers.handling import JobHandler
from workers.heartbeat import Status

EAGER = WorkerSettings(canary_s=0.01, canary_timeout_s=0.05)


class NoJobs:
    """An empty queue."""

    async def open(self, pool):
        pass

    async def renew(self, pool, worker, entry_ids):
        return set()

    async def take_over(self, pool, worker, *, count, lease_ms):
        return []

    async def read(self, pool, worker, *, count, block_ms):
        await asyncio.sleep(0.01)
        return []


class Engine:
    """Hangs, or fails its checks with an error; may make progress meanwhile."""

    def __init__(self, error: EngineError | None = None, *, busy: bool = False) -> None:
        self.error = error
        self.busy = busy
        self.progress = 0
        self.checks = 0

    async def check(self) -> None:
        self.checks += 1
        if self.error is not None:
            raise self.error
        if self.busy:
            asyncio.get_running_loop().call_later(0.01, self.advance)
        await asyncio.Event().wait()

    def advance(self) -> None:
        self.progress += 1


async def watched(engine: Engine, *, remote: bool = False) -> None:
    """Run a worker until its engine has been checked four times, or it ends by itself."""
    stop = asyncio.Event()
    consumer = Consumer(
        JobHandler(NoJobs(), None, "p", "w", EAGER),
        Canary(engine, EAGER, remote=remote),
        Status("w", "m"),
        EAGER,
    )
    running = asyncio.create_task(consumer.run(stop))
    while engine.checks < 4 and not running.done():
        await asyncio.sleep(0.01)
    stop.set()
    await running
    assert engine.checks >= 4, "the worker ended by itself"


async def test_an_engine_that_hangs_ends_its_worker():
    with pytest.raises(WorkerFailed, match="no longer answers"):
        await watched(Engine())


async def test_a_busy_engine_does_not_end_its_worker():
    """It answers the check late, but it does other work meanwhile."""
    engine = Engine(busy=True)
    await watched(engine)
    assert engine.checks == 4


async def test_an_endpoint_that_hangs_does_not_end_the_worker_because_a_restart_would_not_help():
    await watched(Engine(), remote=True)


async def test_a_dead_engine_ends_its_worker():
    with pytest.raises(WorkerFailed, match="gone"):
        await watched(Engine(EngineDead("gone")))


async def test_an_unavailable_engine_does_not_end_its_worker():
    await watched(Engine(EngineUnavailable("away")))
