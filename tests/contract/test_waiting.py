"""A waiting request survives a short loss of its connection to Redis."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.domain.cells import CandidateScore, Cell, Unscored
from app.domain.plan import plan_scores
from app.domain.scenario import Attribute, Candidate
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.errors import AzimuthError, QueueFull, StoreUnavailable
from app.scoring.planned import PlannedJudge
from app.scoring.service import Patience, ScoringService
from app.store.fleet import Fleet, pool_for
from app.store.notice_hub import EVERY_BANK, NoticeHub
from app.store.queue import JobQueue
from app.store.redis import NOTICES, view_key
from app.store.score_sets import ScoreCache

HELP, WIT = Attribute("help", "Helps."), Attribute("wit", "Witty.")
MODEL = ModelIdentity("m", "r", "fake", 8192, "hashing:1", {"comparative": "x"})
POOL = pool_for(MODEL)
PLAN = plan_scores(
    "q",
    [Candidate("a", "x"), Candidate("b", "y")],
    [HELP, WIT],
    Scorer(ScorerSettings(), MODEL),
)
HELPED, WITTY = PLAN.asked
SET = PLAN.score_set
REQUEST = PlannedJudge(PLAN, POOL, live=True)
PATIENT = Patience(wait_s=20, deadline_s=60)


def cell(attribute: Attribute) -> Cell:
    return Cell(attribute.name, (CandidateScore(0.5), CandidateScore(0.5)))


CUT = Unscored("wit", "truncated", "the answer was cut")


class WatchedQueue(JobQueue):
    """Records submissions, and fails with `refusal` if that is set."""

    refusal: AzimuthError | None = None

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.within_ms: list[int] = []

    @property
    def submitted(self) -> int:
        return len(self.within_ms)

    async def submit(self, *given, **more):
        if self.refusal is not None:
            raise self.refusal
        submission = await super().submit(*given, **more)
        self.within_ms.append(more["within_ms"])
        return submission


async def test_all_banks_are_listed_again_after_notices_may_have_been_missed(redis):
    hub = NoticeHub(redis)
    await hub.start()
    try:
        for _ in range(2):
            assert await asyncio.wait_for(hub.banks.get(), 5) == EVERY_BANK
            await redis.client_kill_filter(_type="pubsub")
    finally:
        await hub.close()


class Waiting:
    """A waiting request, and the worker's end of the queue."""

    def __init__(self, redis, queue: WatchedQueue, answer: asyncio.Task) -> None:
        self.redis = redis
        self.queue = queue
        self.answer = answer

    async def claim(self):
        ((entry, job_id),) = await self.queue.read(POOL.name, "w", count=1, block_ms=5000)
        return await self.queue.load(POOL.name, entry, job_id)

    async def lose_the_notices(self) -> None:
        """Cut the subscription; return when it is restored and the store has been read."""
        asked = self.queue.submitted
        await self.redis.client_kill_filter(_type="pubsub")
        async with asyncio.timeout(10):
            while self.queue.submitted == asked:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def waiting(redis, patience: Patience = PATIENT):
    queue = WatchedQueue(redis, queue_limit=5, cache_ttl_s=100)
    await queue.open(POOL.name)
    hub = NoticeHub(redis)
    await hub.start()
    async with asyncio.timeout(10):
        while (await redis.pubsub_numsub(NOTICES))[0][1] == 0:
            await asyncio.sleep(0.01)
    service = ScoringService(ScoreCache(redis), queue, hub, Fleet(redis))
    answer = asyncio.create_task(service.score(REQUEST, patience, "r"))
    yield Waiting(redis, queue, answer)
    answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)
    await hub.close()


async def test_an_unscored_cell_is_not_scored_again_for_a_request_that_was_answered(redis):
    async with waiting(redis) as request:
        claimed = await request.claim()
        await request.lose_the_notices()
        await request.queue.settle(claimed.job, {HELPED: cell(HELP)})
        await request.queue.settle(claimed.job, {WITTY: CUT})
        await request.queue.finish(POOL.name, claimed)
        outcome = await request.answer
        assert set(outcome.scores) == {HELPED}
        assert outcome.unscored == {WITTY: CUT}
        assert await request.queue.depth(POOL.name) == 0
    # Readers of the score set still get the reason.
    assert await ScoreCache(redis).cells(SET.digest, [WITTY]) == {WITTY: CUT}


async def test_the_view_of_a_request_is_stored_again_in_a_redis_that_lost_it(redis):
    """Without it, the id that the caller gets would be unknown."""
    async with waiting(redis) as request:
        claimed = await request.claim()
        await request.lose_the_notices()
        await redis.delete(view_key(SET.digest, SET.view))
        await request.queue.settle(claimed.job, {HELPED: cell(HELP)})
        await request.queue.settle(claimed.job, {WITTY: CUT})
        await request.answer
    (stored,) = await ScoreCache(redis).score_sets([(SET.digest, SET.view)])
    assert stored.presentation == PLAN.presentation
    assert stored.unscored == {WITTY: CUT}


async def test_submitting_again_does_not_move_the_deadline(redis):
    async with waiting(redis, Patience(wait_s=2, deadline_s=60)) as request:
        await request.claim()
        await asyncio.sleep(0.1)
        await request.lose_the_notices()
        first, *_, last = request.queue.within_ms
        assert first <= 60_000
        assert last <= first - 100


async def test_work_that_redis_lost_is_queued_again_for_those_who_poll(redis):
    async with waiting(redis, Patience(wait_s=2, deadline_s=60)) as request:
        await request.claim()
        await request.lose_the_notices()
        await redis.flushall()
        await request.queue.open(POOL.name)
        outcome = await request.answer
        assert set(outcome.pending) == {HELPED, WITTY}
        assert await request.queue.depth(POOL.name) == 1
    (stored,) = await ScoreCache(redis).score_sets([(SET.digest, SET.view)])
    assert set(stored.pending) == {HELPED, WITTY}


@pytest.mark.parametrize(
    "refusal",
    [
        QueueFull("The queue is full (5 scenarios).", retry_after_s=5),
        StoreUnavailable("Redis does not answer"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
async def test_a_finished_request_is_answered_even_if_redis_then_refuses(redis, refusal):
    async with waiting(redis) as request:
        claimed = await request.claim()
        await request.lose_the_notices()
        request.queue.refusal = refusal
        await request.queue.settle(claimed.job, {HELPED: cell(HELP)})
        await request.queue.settle(claimed.job, {WITTY: CUT})
        outcome = await request.answer
    assert set(outcome.scores) == {HELPED}
    assert outcome.unscored == {WITTY: CUT}
