"""The worker's eye on its engine: which silence means that it has to end."""

from __future__ import annotations

import asyncio

import pytest

from app.settings import WorkerSettings
from workers.engines.base import EngineDead, EngineError, EngineUnavailable
from workers.loop import JobLoop, Status, WorkerFailed

EAGER = WorkerSettings(canary_s=0.01, canary_timeout_s=0.05)


class NoJobs:
    """A queue in which nothing ever waits."""

    async def open(self, pool):
        pass

    async def take_over(self, pool, worker, *, count, lease_ms):
        return []

    async def read(self, pool, worker, *, count, block_ms):
        await asyncio.sleep(0.01)
        return []


class Engine:
    """Hangs, or fails its checks with an error; may finish answers all the while."""

    def __init__(self, error: EngineError | None = None, *, busy: bool = False) -> None:
        self.error = error
        self.busy = busy
        self.finished = 0
        self.checks = 0

    async def check(self) -> None:
        self.checks += 1
        if self.error is not None:
            raise self.error
        if self.busy:
            asyncio.get_running_loop().call_later(0.01, self.finish)
        await asyncio.Event().wait()

    def finish(self) -> None:
        self.finished += 1


async def watched(engine: Engine, *, remote: bool = False) -> None:
    """Let a worker run until its engine has been checked four times, or it ends by itself."""
    stop = asyncio.Event()
    loop = JobLoop(
        queue=NoJobs(),
        scorer=None,
        engine=engine,
        status=Status("w", "m"),
        pool="p",
        settings=EAGER,
        engine_is_remote=remote,
    )
    running = asyncio.create_task(loop.run(stop))
    while engine.checks < 4 and not running.done():
        await asyncio.sleep(0.01)
    stop.set()
    await running
    assert engine.checks >= 4, "the worker ended by itself"


async def test_an_engine_that_hangs_ends_its_worker():
    with pytest.raises(WorkerFailed, match="does not answer any more"):
        await watched(Engine())


async def test_an_engine_that_is_busy_does_not():
    """It answers the check late, after all that came before; that it answers is seen."""
    engine = Engine(busy=True)
    await watched(engine)
    assert engine.checks == 4


async def test_an_endpoint_that_hangs_does_not_for_a_new_worker_would_not_help():
    await watched(Engine(), remote=True)


async def test_an_engine_that_is_dead_ends_its_worker():
    with pytest.raises(WorkerFailed, match="gone"):
        await watched(Engine(EngineDead("gone")))


async def test_an_engine_that_is_away_for_a_while_does_not():
    await watched(Engine(EngineUnavailable("away")))
