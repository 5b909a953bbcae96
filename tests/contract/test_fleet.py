"""Heartbeats of workers and the pools they serve, on a real Redis."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from app.domain.scorer import ModelIdentity
from app.store.fleet import ALIVE_S, Fleet, WorkerInfo, pool_for

WORKER = WorkerInfo("w", "ready", "serving", None, "m")


@pytest.mark.parametrize("hours", [-5, 5])
async def test_the_clock_of_a_host_does_not_decide_whether_its_worker_is_alive(
    redis, monkeypatch, hours
):
    here = time.time()
    monkeypatch.setattr(time, "time", lambda: here + hours * 3600)
    await Fleet(redis).beat(WORKER, None)
    monkeypatch.setattr(time, "time", lambda: here)
    (found,) = await Fleet(redis).workers()
    assert found.id == "w"
    assert abs(found.seen_ms / 1000 - here) < 60


async def test_a_silent_worker_is_not_alive_and_is_deleted_later(redis):
    fleet = Fleet(redis)
    await fleet.beat(WORKER, None)
    stamped = (await redis.hgetall("azimuth:workers"))[b"w"].decode()
    (alive,) = await fleet.workers()
    for silent_s, kept in ((ALIVE_S + 1, True), (61 * ALIVE_S, False)):
        seen = str(alive.seen_ms - int(silent_s * 1000))
        await redis.hset("azimuth:workers", "w", stamped.replace(str(alive.seen_ms), seen))
        assert await fleet.workers() == []
        assert await redis.hexists("azimuth:workers", "w") == kept


DAY_MS = 86_400_000


async def test_a_pool_outlives_its_workers_but_not_its_scores(redis):
    fleet, pool = Fleet(redis), pool_for(ModelIdentity("m", "r", "fake", 1, "e", {}))
    await fleet.beat(WORKER, pool)
    await redis.xadd(f"azimuth:dead:{pool.name}", {"why": "broken"})
    stored = (await redis.hgetall("azimuth:pools"))[pool.name.encode()].decode()
    (known,) = await fleet.pools()
    for days, kept in ((29, True), (31, False)):
        seen = str(known.seen_ms - days * DAY_MS)
        aged = stored.replace(f'"seen_ms":{known.seen_ms}', f'"seen_ms":{seen}')
        await redis.hset("azimuth:pools", pool.name, aged)
        assert [p.name for p in await fleet.pools()] == ([pool.name] if kept else [])
    assert await redis.keys("azimuth:dead:*") == []


async def test_a_snapshot_shows_which_workers_serve_a_pool(redis):
    fleet, pool = Fleet(redis), pool_for(ModelIdentity("m", "r", "fake", 1, "e", {}))
    await fleet.beat(replace(WORKER, pool=pool.name), pool)
    await fleet.beat(replace(WORKER, id="x", state="loading"), None)
    snapshot = await fleet.snapshot()
    assert [w.id for w in snapshot.workers] == ["w", "x"]
    assert [w.id for w in snapshot.serving(snapshot.pools[0])] == ["w"]
