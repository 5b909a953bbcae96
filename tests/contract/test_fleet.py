"""Who is alive, on a real Redis."""

from __future__ import annotations

import time

import pytest

from app.store.fleet import ALIVE_S, Fleet, WorkerInfo

WORKER = WorkerInfo("w", "ready", "serving", None, "m")


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_worker_is_alive_whatever_the_clock_of_its_host_says(redis, monkeypatch, hours):
    here = time.time()
    monkeypatch.setattr(time, "time", lambda: here + hours * 3600)
    await Fleet(redis).beat(WORKER, None)
    monkeypatch.setattr(time, "time", lambda: here)
    (found,) = await Fleet(redis).workers()
    assert found.id == "w"
    assert abs(found.seen_ms / 1000 - here) < 60


async def test_a_worker_that_is_silent_is_not_alive_and_one_long_gone_is_forgotten(redis):
    fleet = Fleet(redis)
    await fleet.beat(WORKER, None)
    stamped = (await redis.hgetall("azimuth:workers"))[b"w"].decode()
    (alive,) = await fleet.workers()
    for silent_s, kept in ((ALIVE_S + 1, True), (61 * ALIVE_S, False)):
        seen = str(alive.seen_ms - int(silent_s * 1000))
        await redis.hset("azimuth:workers", "w", stamped.replace(str(alive.seen_ms), seen))
        assert await fleet.workers() == []
        assert await redis.hexists("azimuth:workers", "w") == kept
