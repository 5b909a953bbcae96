"""Who holds a job, on a real Redis: takeover, renewal, release and starts."""

from __future__ import annotations

import asyncio
import uuid

from app.store.queue import JobQueue
from app.store.redis import now_ms
from tests.jobs import HELP, POOL, begun, claim, job, submit


async def test_a_silent_worker_s_job_is_taken_over_and_its_start_counted(queue):
    await submit(queue, job())
    first = await claim(queue, "w1")
    await asyncio.sleep(0.05)
    assert await queue.take_over(POOL, "w2", count=5, lease_ms=60_000) == []
    ((entry, job_id),) = await queue.take_over(POOL, "w2", count=5, lease_ms=10)
    second = await begun(queue, entry, job_id, "w2")
    assert second.job.id == first.job.id
    assert second.job.cells == first.job.cells
    assert second.attempt == 2
    assert await queue.renew(POOL, "w1", [entry]) == set()
    assert await queue.renew(POOL, "w2", [entry]) == {entry}


async def test_renewing_keeps_a_job_from_being_taken_over(queue):
    await submit(queue, job())
    claimed = await claim(queue)
    for _ in range(4):
        await asyncio.sleep(0.03)
        assert await queue.renew(POOL, "w1", [claimed.entry_id]) == {claimed.entry_id}
        assert await queue.take_over(POOL, "w2", count=5, lease_ms=60) == []


async def test_a_released_job_can_be_taken_over_at_once(queue):
    await submit(queue, job())
    claimed = await claim(queue)
    assert await queue.release(POOL, "w1", claimed.entry_id, claimed.job.id)
    ((entry, job_id),) = await queue.take_over(POOL, "w2", count=5, lease_ms=60_000)
    assert (await queue.load(POOL, entry, job_id)).attempt == 2


async def test_jobs_that_were_given_back_are_told_from_those_whose_worker_is_silent(queue):
    await submit(queue, job(score_set="silent"))
    await submit(queue, job(score_set="given back"))
    silent, given_back = await queue.read(POOL, "w1", count=2, block_ms=500)
    assert await queue.release(POOL, "w1", *given_back)
    assert await queue.take_over(POOL, "w2", count=5, lease_ms=None) == [given_back]
    assert await queue.take_over(POOL, "w2", count=5, lease_ms=0) == [silent, given_back]


async def test_a_refunded_start_does_not_count(queue):
    await submit(queue, job())
    claimed = await claim(queue)
    assert await queue.release(POOL, "w1", claimed.entry_id, claimed.job.id, refund=True)
    ((entry, job_id),) = await queue.take_over(POOL, "w2", count=5, lease_ms=60_000)
    assert (await begun(queue, entry, job_id, "w2")).attempt == 1


async def test_a_claimed_job_has_not_been_started(queue):
    await submit(queue, job())
    ((entry, job_id),) = await queue.read(POOL, "w1", count=5, block_ms=500)
    for _ in range(3):
        assert (await queue.load(POOL, entry, job_id)).attempt == 1


async def test_a_start_reads_the_current_deadline(queue):
    one = job(HELP)
    await submit(queue, one, within_ms=50_000)
    claimed = await claim(queue)
    await submit(queue, job(HELP), within_ms=90_000)
    assert (await queue.start(POOL, "w1", claimed)).left_ms > 80_000


async def test_a_start_that_is_sent_twice_counts_once(queue, monkeypatch):
    """When the connection breaks the client does not know whether Redis got its request."""
    await submit(queue, job())
    ((entry, job_id),) = await queue.read(POOL, "w1", count=5, block_ms=500)
    claimed = await queue.load(POOL, entry, job_id)
    monkeypatch.setattr("app.store.queue.uuid.uuid4", lambda: uuid.UUID(int=1))
    for _ in range(3):
        assert (await queue.start(POOL, "w1", claimed)).claimed.attempt == 1


async def test_the_wait_in_the_queue_goes_by_the_clock_of_redis(queue, redis):
    await submit(queue, job())
    queued = await now_ms(redis)
    await asyncio.sleep(0.05)
    waited = (await claim(queue)).job.waited_ms
    assert 50 <= waited <= await now_ms(redis) - queued + 50


async def test_a_job_that_has_ended_is_not_started(queue, redis):
    await submit(queue, job())
    claimed = await claim(queue)
    await queue.finish(POOL, claimed)
    assert await queue.start(POOL, "w1", claimed) is None
    assert not await redis.keys("azimuth:job:*")


async def test_a_worker_that_lost_its_lease_cannot_affect_the_new_owner(queue):
    await submit(queue, job())
    lost = await claim(queue, "w1")
    ((entry, job_id),) = await queue.take_over(POOL, "w2", count=5, lease_ms=0)
    assert (await begun(queue, entry, job_id, "w2")).attempt == 2
    assert await queue.start(POOL, "w1", lost) is None
    assert not await queue.release(POOL, "w1", lost.entry_id, lost.job.id, refund=True)
    assert await queue.take_over(POOL, "w3", count=5, lease_ms=60_000) == []
    assert await queue.renew(POOL, "w2", [entry]) == {entry}
    assert (await queue.load(POOL, entry, job_id)).attempt == 3  # what the next start would be


async def test_a_silent_worker_s_job_is_found_behind_many_others(queue):
    """Redis examines ten entries for each one requested."""
    deep = JobQueue(queue._redis, queue_limit=100, cache_ttl_s=600)
    for number in range(26):
        await submit(deep, job(score_set=f"s{number}"))
    held = [entry for entry, _ in await deep.read(POOL, "w1", count=25, block_ms=500)]
    ((silent, _),) = await deep.read(POOL, "w2", count=1, block_ms=500)
    await asyncio.sleep(0.3)
    found = []
    for _ in range(4):
        await deep.renew(POOL, "w1", held)
        found += await deep.take_over(POOL, "w3", count=1, lease_ms=200)
    assert [entry for entry, _ in found] == [silent]


async def test_a_job_that_has_ended_is_acknowledged_when_delivered_again(queue):
    await submit(queue, job())
    claimed = await claim(queue)
    await queue.finish(POOL, claimed)
    assert await queue.load(POOL, claimed.entry_id, claimed.job.id) is None
    assert await queue.depth(POOL) == 0
