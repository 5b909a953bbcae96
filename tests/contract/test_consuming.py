"""A worker's consumer on a real Redis: the order of its steps, and a lost lease."""

from __future__ import annotations

import asyncio
from typing import Any

from app.domain.fingerprint import attribute_field
from app.domain.job import Job
from app.settings import EngineSettings, StoreSettings, WorkerSettings
from app.store.queue import JobQueue
from app.store.redis import connect
from app.store.score_sets import ScoreCache
from tests.jobs import HELP, POOL, cell, job, submit
from workers.canary import Canary
from workers.consumer import Consumer
from workers.engines.fake import FakeEngine
from workers.errors import EngineError
from workers.handling import JobHandler
from workers.heartbeat import Status
from workers.judges.base import JobScorer


async def eventually(left) -> None:
    """Wait until nothing is left."""
    async with asyncio.timeout(10):
        while await left():
            await asyncio.sleep(0.01)


class OneCell:
    """A scorer whose single cell is ready at once."""

    async def score(self, one: Job):
        for field, attribute in one.attributes.items():
            yield {field: cell(attribute)}


class SilentTooLong:
    """A scorer that fails after another worker has taken its job over."""

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.failed = asyncio.Event()

    async def score(self, one: Job):
        assert len(await self.queue.take_over(POOL, "w2", count=5, lease_ms=0)) == 1
        self.failed.set()
        raise EngineError("broken here")
        yield {}


class Endless:
    """A scorer that never ends by itself."""

    def __init__(self) -> None:
        self.started, self.dropped = asyncio.Event(), asyncio.Event()

    async def score(self, one: Job):
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.dropped.set()
        yield {}


def consumer(queue: JobQueue, scorer: JobScorer, **changes: Any) -> Consumer:
    settings = WorkerSettings(**changes)
    return Consumer(
        JobHandler(queue, scorer, POOL, "w1", settings),
        Canary(FakeEngine(EngineSettings(engine="fake")), settings),
        Status("w1", "m"),
        settings,
    )


async def test_a_worker_that_lost_a_job_does_not_settle_it(queue, redis):
    """The new owner decides its outcome."""
    scorer, stop = SilentTooLong(queue), asyncio.Event()
    running = asyncio.create_task(consumer(queue, scorer, max_attempts=1).run(stop))
    await submit(queue, job(HELP))
    await scorer.failed.wait()
    stop.set()
    await running
    assert (await queue.backlogs([POOL]))[POOL].dead == 0
    assert await ScoreCache(redis).cells("s", [attribute_field(HELP)]) == {}
    assert await queue.depth(POOL) == 1
    (held,) = await redis.xpending_range(f"azimuth:jobs:{POOL}", "workers", "-", "+", 5)
    assert held["consumer"] == b"w2"


async def test_a_job_that_another_worker_has_taken_over_is_dropped(queue):
    """Or it would be scored twice at the same time."""
    scorer, stop = Endless(), asyncio.Event()
    running = asyncio.create_task(consumer(queue, scorer, lease_s=0.3).run(stop))
    await submit(queue, job(HELP))
    await scorer.started.wait()
    assert len(await queue.take_over(POOL, "w2", count=5, lease_ms=0)) == 1
    await asyncio.wait_for(scorer.dropped.wait(), 5)
    stop.set()
    await running
    assert await queue.depth(POOL) == 1  # the other worker's


async def test_a_job_is_acknowledged_only_after_its_scores_are_saved(queue, redis, redis_server):
    """The order of events, as Redis itself saw them."""
    watcher = connect(StoreSettings(redis_url=f"redis://127.0.0.1:{redis_server[1]}/0"))
    seen: list[str] = []

    async def watch() -> None:
        async with watcher.monitor() as monitor:
            async for event in monitor.listen():
                seen.append(str(event["command"]))

    watching = asyncio.create_task(watch())
    while not any("PING" in command for command in seen):  # until it listens
        await redis.ping()
        await asyncio.sleep(0.01)
    stop = asyncio.Event()
    running = asyncio.create_task(consumer(queue, OneCell()).run(stop))
    await submit(queue, job(HELP))
    await eventually(lambda: queue.depth(POOL))
    stop.set()
    await running
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await watcher.aclose()

    def at(*words: str) -> int:
        return next(i for i, c in enumerate(seen) if all(w in c for w in words))

    saved = at("HSET", "azimuth:ss:s", "cell:")
    assert at("XREADGROUP") < saved < at("PUBLISH", "azimuth:notices") < at("XACK") < at("XDEL")
