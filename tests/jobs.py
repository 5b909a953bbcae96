"""Jobs for tests of the queue, and the steps that requests and workers take with them."""

from __future__ import annotations

import uuid

from app.domain.cells import CandidateScore, Cell
from app.domain.features import surface_of
from app.domain.fingerprint import attribute_field
from app.domain.job import Job
from app.domain.scenario import Attribute, Presentation, Scenario
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.store.queue import JobQueue

POOL = "pool"
HELP, WIT = Attribute("help", "Helps."), Attribute("wit", "Witty.")
MODEL = ModelIdentity("m", "r", "fake", 8192, "hashing:1", {"comparative": "x"})
SCORER = Scorer(ScorerSettings(), MODEL)
PRESENTATION = Presentation(("a", "b"), (0, 1))
FAR = 10**9
"""Milliseconds; longer than any test."""


def job(*attributes: Attribute, score_set: str = "s") -> Job:
    return Job(
        id=uuid.uuid4().hex,
        score_set=score_set,
        scenario=Scenario("q", ("x", "y")),
        attributes={attribute_field(a): a for a in attributes or (HELP,)},
        scorer=SCORER,
        request_id="r",
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


async def claim_one(queue: JobQueue, worker: str = "w1"):
    ((entry, job_id),) = await queue.read(POOL, worker, count=1, block_ms=500)
    return await begun(queue, entry, job_id, worker)
