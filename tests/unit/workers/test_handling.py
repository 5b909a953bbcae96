"""Handling of jobs, with a queue in memory."""

import asyncio
import time

import pytest

from app.domain.cells import CandidateScore, Cell
from app.domain.job import Job
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.settings import WorkerSettings
from app.store.jobs import ClaimedJob, StartedJob
from workers import handling
from workers.errors import EngineError, EngineOverloaded
from workers.handling import JobHandler

WIT = Attribute("wit", "How funny it is.")
SCORER = Scorer(ScorerSettings(), ModelIdentity("m", "r", "fake", 8192, "hashing:1", {}))


class Queue:
    """Jobs by id, each with the number of its earlier attempts."""

    def __init__(self, *, left_ms: int = 60_000, **attempts: int) -> None:
        self.attempts = attempts
        self.left_ms = left_ms
        self.released: dict[str, float] = {}
        self.finished: list[str] = []

    async def load(self, pool, entry_id, job_id):
        job = Job(job_id, "s", Scenario("q", ("a",)), {"f": WIT}, SCORER, "r")
        return ClaimedJob(entry_id, job, self.attempts[job_id] + 1)

    async def start(self, pool, worker, claimed):
        return StartedJob(claimed, left_ms=self.left_ms)

    async def settle(self, job, results):
        pass

    async def finish(self, pool, claimed):
        self.finished.append(claimed.job.id)

    async def release(self, pool, worker, entry_id, job_id, *, refund):
        self.released[job_id] = time.monotonic()


class Scores:
    """Fails the jobs named, and scores the others."""

    def __init__(self, error: Exception, *failing: str) -> None:
        self.error = error
        self.failing = set(failing)

    async def score(self, job):
        if job.id in self.failing:
            raise self.error
        yield {"f": Cell("wit", (CandidateScore(0.5),))}


def handler(queue: Queue, scorer: Scores, **settings) -> JobHandler:
    return JobHandler(queue, scorer, "pool", "w", WorkerSettings(**settings))


async def test_a_job_that_waits_for_its_retry_does_not_hold_up_other_second_attempts():
    """Second attempts run one by one, but they do not wait one by one."""
    queue = Queue(**{str(n): 1 for n in range(5)})
    handle = handler(queue, Scores(EngineError("odd"), *queue.attempts), retry_s=0.4).handle
    started = time.monotonic()
    await asyncio.gather(*(handle(job, job) for job in queue.attempts))
    assert set(queue.released) == set(queue.attempts)
    assert max(queue.released.values()) - started < 2 * 0.4


async def test_a_second_attempt_is_scored_while_another_one_waits_for_its_retry():
    queue = Queue(bad=1, good=1)
    handle = handler(queue, Scores(EngineError("odd"), "bad"), retry_s=60).handle
    waiting = asyncio.create_task(handle("bad", "bad"))
    await asyncio.sleep(0.01)
    await asyncio.wait_for(handle("good", "good"), 5)
    assert queue.finished == ["good"]
    assert not waiting.done()
    waiting.cancel()


async def test_jobs_that_fail_in_one_outage_wait_as_long_as_one_outage(monkeypatch):
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    queue = Queue(**{str(n): 0 for n in range(8)})
    made = handler(queue, Scores(EngineOverloaded("busy"), *queue.attempts), retry_s=1)
    monkeypatch.setattr(handling.asyncio, "sleep", sleep)
    for job in queue.attempts:
        await made.handle(job, job)
    assert len(waits) == 8
    assert all(0.5 <= wait <= 1 for wait in waits)
    assert len(set(waits)) > 1  # with jitter


@pytest.mark.parametrize("attempts", [0, 1])
async def test_a_failed_job_is_released_for_another_attempt(attempts):
    queue = Queue(job=attempts)
    await handler(queue, Scores(EngineError("odd"), "job"), retry_s=0.01).handle("job", "job")
    assert list(queue.released) == ["job"]
    assert queue.finished == []


async def test_a_job_is_not_kept_beyond_its_deadline():
    queue = Queue(left_ms=50, job=0)
    made = handler(queue, Scores(EngineOverloaded("busy"), "job"), retry_s=60, max_retry_s=60)
    await asyncio.wait_for(made.handle("job", "job"), 5)
    assert list(queue.released) == ["job"]
