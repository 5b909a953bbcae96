"""Submitting jobs, on a real Redis: joining, refusing, deadlines and lives."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from redis.asyncio.client import Pipeline

from app.domain.cells import Pending
from app.domain.fingerprint import attribute_field
from app.errors import QueueFull
from app.store.score_sets import ScoreCache
from tests.jobs import HELP, POOL, PRESENTATION, WIT, cell, claim, claim_one, job, left_ms, submit


async def test_a_job_comes_out_as_it_went_in(queue):
    one = job(HELP, WIT)
    submission = await submit(queue, one)
    assert submission.queued
    assert set(submission.waiting) == set(one.attributes)
    claimed = await claim(queue)
    started = {name: getattr(claimed.job, name) for name in ("waited_ms", "left_ms")}
    assert claimed.job == msgspec.structs.replace(one, **started)
    assert claimed.attempt == 1


async def test_work_of_another_pool_is_not_joined(queue):
    """An upgrade gives a model a new pool; jobs of the old one may never be done."""
    left = job(HELP)
    await submit(queue, left, pool="before the upgrade")
    again = await submit(queue, job(HELP))
    assert again.queued
    claimed = await claim(queue)
    assert list(claimed.job.attributes.values()) == [HELP]
    await queue.settle(left, {attribute_field(HELP): cell()})  # if the old pool comes back
    assert (await submit(queue, job(HELP))).waiting == ()
    await queue.settle(claimed.job, {attribute_field(HELP): cell()})
    await queue.finish(POOL, claimed)
    assert await queue.depth(POOL) == 0


async def test_cells_in_flight_are_joined_not_queued_again(queue):
    await submit(queue, job(HELP))
    second = await submit(queue, job(HELP, WIT))
    assert second.queued
    assert len(second.waiting) == 2
    assert not (await submit(queue, job(HELP, WIT))).queued
    assert await queue.depth(POOL) == 2


async def test_a_second_job_has_only_the_cells_that_the_first_lacks(queue):
    await submit(queue, job(HELP))
    await claim(queue)
    await submit(queue, job(HELP, WIT))
    assert list((await claim(queue)).job.attributes.values()) == [WIT]


async def test_joining_a_job_only_ever_extends_its_deadline(queue):
    one = job(HELP)
    for within_ms in (50_000, 90_000, 70_000):
        await submit(queue, one, within_ms=within_ms)
    assert 80_000 < await left_ms(queue) <= 90_000


async def test_deadlines_use_the_clock_of_redis_only(queue, monkeypatch):
    """Hosts whose clocks are hours apart agree on how long a job may wait."""
    hours = 5 * 3600
    here = time.time()
    monkeypatch.setattr(time, "time", lambda: here - hours)  # the API's
    await submit(queue, job(), within_ms=50_000)
    monkeypatch.setattr(time, "time", lambda: here + hours)  # the worker's
    assert 40_000 < await left_ms(queue) <= 50_000


async def test_a_job_past_its_deadline_is_reported_as_late(queue):
    await submit(queue, job(), within_ms=0)
    await asyncio.sleep(0.01)
    assert await left_ms(queue) < 0


async def test_scored_cells_are_neither_joined_nor_queued(queue):
    one = job(HELP)
    await submit(queue, one)
    await queue.settle(one, {attribute_field(HELP): cell()})
    again = await submit(queue, job(HELP))
    assert again.waiting == ()
    assert not again.queued


async def test_a_cell_that_was_scored_meanwhile_is_not_scored_again(queue):
    one = job(HELP, WIT)
    await submit(queue, one)
    await queue.settle(one, {attribute_field(HELP): cell()})
    assert list((await claim(queue)).job.attributes.values()) == [WIT]


async def test_a_full_queue_refuses_a_job_and_stores_nothing(queue, redis):
    for i in range(3):
        await submit(queue, job(score_set=f"s{i}"))
    with pytest.raises(QueueFull):
        await submit(queue, job(score_set="s9"))
    assert not await redis.exists("azimuth:inflight:s9", "azimuth:ss:s9")
    await queue.finish(POOL, await claim_one(queue))
    assert (await submit(queue, job(score_set="s9"))).queued


async def test_an_unknown_view_is_not_found(queue, redis):
    await submit(queue, job())
    cache = ScoreCache(redis)
    found, other, unknown = await cache.score_sets([("s", "v"), ("s", "w"), ("t", None)])
    assert found.presentation == PRESENTATION
    assert found.pending == {attribute_field(HELP): Pending("help")}
    assert other is None
    assert unknown is None


async def test_score_sets_expire_and_a_new_cell_extends_their_life(queue, redis):
    one = job(HELP, WIT)
    await submit(queue, one, within_ms=10_000)
    assert 0 < await redis.ttl("azimuth:ss:s") <= 100
    await submit(queue, job(HELP, WIT), within_ms=510_000)
    assert 400 < await redis.ttl("azimuth:ss:s") <= 571  # until the deadline of those who poll
    await redis.expire("azimuth:ss:s", 5)
    await queue.settle(one, {attribute_field(WIT): cell(WIT)})
    assert await redis.ttl("azimuth:ss:s") > 5


async def test_a_second_request_never_shortens_the_life_of_the_first_one_s_cells(queue, redis):
    """The first caller may poll until its own deadline."""
    await submit(queue, job(HELP), within_ms=3_600_000)
    for again in (job(HELP), job(HELP, WIT)):
        await submit(queue, again, within_ms=30_000)
    hour_ms = 3_600_000
    for key in ("azimuth:ss:s", "azimuth:view:s:v", "azimuth:inflight:s"):
        assert await redis.pttl(key) > hour_ms, key


async def test_backlogs_of_all_pools_are_read_in_one_round_trip(queue, redis, monkeypatch):
    await submit(queue, job(HELP))
    await submit(queue, job(WIT), pool="other")
    trips = 0
    execute = Pipeline.execute

    async def counted(self, *given, **more):
        nonlocal trips
        trips += 1
        return await execute(self, *given, **more)

    monkeypatch.setattr(Pipeline, "execute", counted)
    backlogs = await queue.backlogs([POOL, "other", "unknown"])
    assert {name: backlog.depth for name, backlog in backlogs.items()} == {
        POOL: 1,
        "other": 1,
        "unknown": 0,
    }
    assert trips == 1
