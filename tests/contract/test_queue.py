"""The job queue and the score cache on a real Redis."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import msgspec
import pytest
from redis.asyncio.client import Pipeline

from app.domain.cells import CandidateScore, Cell, Pending, Unscored
from app.domain.features import surface_of
from app.domain.fingerprint import attribute_field
from app.domain.job import Job
from app.domain.scenario import Attribute, Presentation, Scenario
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.errors import QueueFull
from app.settings import EngineSettings, StoreSettings, WorkerSettings
from app.store.jobs import Backlog
from app.store.notice_hub import NoticeHub
from app.store.queue import JobQueue
from app.store.redis import connect
from app.store.score_sets import ScoreCache
from workers.canary import Canary
from workers.consumer import Consumer
from workers.engines.fake import FakeEngine
from workers.errors import EngineError
from workers.handling import JobHandler
from workers.heartbeat import Status
from workers.judges.base import JobScorer

POOL = "pool"
HELP, WIT = Attribute("help", "Helps."), Attribute("wit", "Witty.")
MODEL = ModelIdentity("m", "r", "fake", 8192, "hashing:1", {"comparative": "x"})
SCORER = Scorer(ScorerSettings(), MODEL)
PRESENTATION = Presentation(("a", "b"), (0, 1))
FAR = 10**9
"""Milliseconds; longer than any test."""


@pytest.fixture
async def queue(redis) -> JobQueue:
    queue = JobQueue(redis, queue_limit=3, cache_ttl_s=100)
    await queue.open(POOL)
    return queue


def job(*attributes: Attribute, score_set: str = "s") -> Job:
    return Job(
        id=uuid.uuid4().hex,
        score_set=score_set,
        scenario=Scenario("q", ("x", "y")),
        attributes={attribute_field(a): a for a in attributes or (HELP,)},
        scorer=SCORER,
        request_id="r",
        submitted_ms=int(time.time() * 1000),
    )


def cell(attribute: Attribute = HELP, score: float = 0.5) -> Cell:
    return Cell(attribute.name, (CandidateScore(score), CandidateScore(score)))


async def submit(queue: JobQueue, one: Job, within_ms: int = FAR, pool: str = POOL):
    return await queue.submit(
        one,
        pool,
        within_ms=within_ms,
        view="v",
        presentation=PRESENTATION,
        surface=surface_of(one.scenario),
    )


async def claim(queue: JobQueue, worker: str = "w1"):
    """The only waiting job, started by a worker."""
    ((entry, job_id),) = await queue.read(POOL, worker, count=5, block_ms=500)
    return await begun(queue, entry, job_id, worker)


async def begun(queue: JobQueue, entry: str, job_id: str, worker: str):
    started = await queue.start(POOL, worker, await queue.load(POOL, entry, job_id))
    return started.claimed


async def left_ms(queue: JobQueue) -> int:
    """Time until the deadline of the next job, at its start."""
    ((entry, job_id),) = await queue.read(POOL, "w1", count=5, block_ms=500)
    return (await queue.start(POOL, "w1", await queue.load(POOL, entry, job_id))).left_ms


async def test_a_job_comes_out_as_it_went_in(queue):
    one = job(HELP, WIT)
    submission = await submit(queue, one)
    assert submission.queued
    assert set(submission.waiting) == set(one.attributes)
    claimed = await claim(queue)
    assert claimed.job == one
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


async def test_an_unscored_cell_is_reported_and_scored_again_at_the_next_request(queue, redis):
    one = job(HELP)
    field = attribute_field(HELP)
    await submit(queue, one)
    await queue.settle(one, {field: Unscored("help", "truncated", "cut")})
    cells = await ScoreCache(redis).cells("s", [field])
    assert cells == {field: Unscored("help", "truncated", "cut")}
    assert (await submit(queue, job(HELP))).queued


async def test_a_failure_never_replaces_a_score(queue, redis):
    one = job(HELP)
    field = attribute_field(HELP)
    await queue.settle(one, {field: cell()})
    await queue.settle(one, {field: Unscored("help", "engine-error", "late")})
    assert await ScoreCache(redis).cells("s", [field]) == {field: cell()}


async def test_a_job_delivered_twice_keeps_its_first_scores(queue, redis):
    """A worker that lost its lease goes on, and sampling makes its scores differ."""
    one, field = job(HELP), attribute_field(HELP)
    await submit(queue, one)
    await queue.settle(one, {field: cell(score=0.25)})
    await queue.settle(one, {field: cell(score=0.75)})
    cells = await ScoreCache(redis).cells("s", [field])
    assert cells[field] == cell(score=0.25)


async def test_cells_settled_together_are_never_mixed_with_others(queue, redis):
    """The scores of one joint answer belong together: readers see all of them, or none."""
    one = job(HELP, WIT)
    fields = [attribute_field(HELP), attribute_field(WIT)]
    await submit(queue, one)
    found: list[dict[str, Cell]] = []

    async def look() -> None:
        while len(found) < 200:
            cells = await ScoreCache(redis).cells("s", fields)
            found.append(cells)

    def answer(score: float) -> dict[str, Cell]:
        return {fields[0]: cell(HELP, score=score), fields[1]: cell(WIT, score=score)}

    looking = asyncio.create_task(look())
    await asyncio.gather(*[queue.settle(one, answer(n / 10)) for n in range(10)])
    await looking
    assert {len(cells) for cells in found} <= {0, 2}
    assert len(found[-1]) == 2
    for cells in filter(None, found):
        assert len({one.scores[0].score for one in cells.values()}) == 1


async def test_scored_and_unscored_cells_of_a_job_are_settled_in_one_step(queue, redis):
    one, scored, absent = job(HELP, WIT), attribute_field(HELP), attribute_field(WIT)
    why = Unscored("wit", "truncated", "cut")
    await submit(queue, one)
    hub = NoticeHub(redis)
    await hub.start()
    with hub.listen("s") as mine:
        await mine.wait(2)  # subscribed
        await queue.settle(one, {scored: cell(), absent: why})
        while mine.settled != {scored, absent}:
            await mine.wait(2)
    await hub.close()
    assert await ScoreCache(redis).cells("s", [scored, absent]) == {scored: cell(), absent: why}
    assert not await redis.exists("azimuth:inflight:s")


async def test_a_second_delivery_publishes_the_cell_again(queue, redis):
    """A request that missed the first notice does not wait for ever."""
    one, field = job(HELP), attribute_field(HELP)
    await submit(queue, one)
    scored = "azimuth:ss:s"
    await redis.hset(scored, f"cell:{field}", msgspec.json.encode(cell()))
    await redis.hset(scored, f"fail:{field}", "an older attempt's")
    hub = NoticeHub(redis)
    await hub.start()
    with hub.listen("s") as mine:
        await mine.wait(2)  # subscribed
        await queue.settle(one, {field: cell(score=0.75)})
        await mine.wait(2)
        assert mine.settled == {field}
    await hub.close()
    assert not await redis.hexists(scored, f"fail:{field}")
    assert not await redis.hexists("azimuth:inflight:s", field)


async def test_a_full_queue_refuses_a_job_and_stores_nothing(queue, redis):
    for i in range(3):
        await submit(queue, job(score_set=f"s{i}"))
    with pytest.raises(QueueFull):
        await submit(queue, job(score_set="s9"))
    assert not await redis.exists("azimuth:inflight:s9", "azimuth:ss:s9")
    await queue.finish(POOL, await claim_one(queue))
    assert (await submit(queue, job(score_set="s9"))).queued


async def claim_one(queue: JobQueue, worker: str = "w1"):
    ((entry, job_id),) = await queue.read(POOL, worker, count=1, block_ms=500)
    return await begun(queue, entry, job_id, worker)


async def test_a_silent_worker_s_job_is_taken_over_and_its_start_counted(queue):
    await submit(queue, job())
    first = await claim(queue, "w1")
    await asyncio.sleep(0.05)
    assert await queue.take_over(POOL, "w2", count=5, lease_ms=60_000) == []
    ((entry, job_id),) = await queue.take_over(POOL, "w2", count=5, lease_ms=10)
    second = await begun(queue, entry, job_id, "w2")
    assert second.job == first.job
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


async def test_a_job_given_up_is_settled_kept_as_a_dead_letter_and_acknowledged(queue, redis):
    await submit(queue, job())
    claimed = await claim(queue)
    field = attribute_field(HELP)
    await queue.bury(POOL, claimed, "broken", {field: Unscored("help", "engine-error", "broken")})
    assert (await queue.backlogs([POOL]))[POOL].dead == 1
    assert await queue.depth(POOL) == 0
    cells = await ScoreCache(redis).cells("s", [field])
    assert cells[field].detail == "broken"


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


async def test_a_job_of_another_version_settles_its_cells_with_a_reason(queue, redis):
    """Nobody waits for a job that no worker can read."""
    one, fields = job(HELP, WIT), [attribute_field(HELP), attribute_field(WIT)]
    await submit(queue, one)
    await redis.hset(f"azimuth:job:{one.id}", "body", '{"made": "by another version"}')
    ((entry, job_id),) = await queue.read(POOL, "w1", count=5, block_ms=500)
    assert await queue.load(POOL, entry, job_id) is None
    cells = await ScoreCache(redis).cells("s", fields)
    assert {cell.attribute: cell.reason for cell in cells.values()} == {
        "help": "engine-error",
        "wit": "engine-error",
    }
    assert "another version" in cells[fields[0]].detail
    assert (await queue.backlogs([POOL]))[POOL] == Backlog(depth=0, dead=1)
    assert (await submit(queue, job(HELP))).queued  # its in-flight marker is cleared


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


async def test_notices_reach_only_the_subscribers_of_their_score_set(queue, redis):
    hub = NoticeHub(redis)
    await hub.start()
    with hub.listen("s") as mine, hub.listen("other") as other:
        await mine.wait(2)  # subscribed: read the store once
        assert mine.resync
        one = job(HELP)
        await queue.settle(one, {attribute_field(HELP): cell()})
        assert await mine.wait(2)
        assert mine.settled == {attribute_field(HELP)}
        assert other.settled == set()
    await hub.close()


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
    assert at("XREADGROUP") < saved < at("PUBLISH") < at("XACK") < at("XDEL")
