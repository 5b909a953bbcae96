"""Handles one claimed job: start, score, store, acknowledge; or expire, retry, give up."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

from app.domain.cells import Cell, CellResults, Unscored, UnscoredReason
from app.domain.job import Job
from app.domain.writing import Piece
from app.errors import StoreUnavailable, UnknownBank
from app.settings import WorkerSettings
from app.store.jobs import ClaimedJob
from app.store.queue import JobQueue
from app.telemetry.logs import add_to_logs
from app.telemetry.texts import keep_from_logs
from workers.errors import EngineError
from workers.isolation import isolated
from workers.judges.base import JobScorer
from workers.metrics import JOB_SECONDS, JOBS, QUEUE_WAIT, count_result
from workers.policy import (
    Backoff,
    Bury,
    EndWorker,
    Expire,
    Outages,
    RetryLater,
    decide_failure,
    decide_start,
    is_outage,
    jittered,
    plain,
)
from workers.tracing import job_span

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class JobHandler:
    """Handles the jobs of one worker."""

    queue: JobQueue
    scorer: JobScorer
    pool: str
    worker_id: str
    settings: WorkerSettings
    begun: set[str] = field(default_factory=set)
    """Ids of the jobs that the model has seen and whose start is counted."""
    failed: str | None = None
    """Why this worker has to end."""
    _outages: Outages = field(init=False)
    _one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by jobs with an earlier attempt: if one of them ends the engine, it is known which."""

    def __post_init__(self) -> None:
        settings = self.settings
        self._outages = Outages(Backoff(settings.retry_s, settings.max_retry_s))

    async def handle(self, entry_id: str, job_id: str) -> None:
        """Handle one claimed job. Raises nothing: errors are decided on and logged."""
        add_to_logs(job=job_id)
        try:
            claimed = await self.queue.load(self.pool, entry_id, job_id)
            if claimed is None:
                return
            add_to_logs(request_id=claimed.job.request_id)
            scenario = claimed.job.scenario
            turns = [turn.content for turn in claimed.job.messages]
            keep_from_logs((scenario.question, *scenario.candidates, *turns))
            again = claimed.attempt > 1
            async with self._one_by_one if again else nullcontext():
                retry = await self._attempt(claimed)
            # Outside of the lock: a job that waits must not hold up the others.
            if retry is not None:
                JOBS.labels("retried").inc()
                await asyncio.sleep(retry.delay_s)
                await self.give_back(entry_id, job_id, refund=retry.free)
        except StoreUnavailable as error:
            # Nothing is lost: the job is not acknowledged and comes back when its lease expires.
            _log.warning("job postponed: %s", error.detail)
        except Exception:
            _log.exception("unexpected error in a job")

    async def give_back(self, entry_id: str, job_id: str, *, refund: bool) -> None:
        """Return a job to the queue; with `refund`, this start does not count as an attempt."""
        await self.queue.release(self.pool, self.worker_id, entry_id, job_id, refund=refund)

    async def _attempt(self, claimed: ClaimedJob) -> RetryLater | None:
        """Start a job, deciding at the last moment whether to: by now it may be too late."""
        started = await self.queue.start(self.pool, self.worker_id, claimed)
        if started is None:
            return None
        claimed = started.claimed
        decision = decide_start(
            left_ms=started.left_ms,
            attempt=claimed.attempt,
            max_attempts=self.settings.max_attempts,
        )
        if isinstance(decision, Expire):
            await self._expire(claimed)
            return None
        if isinstance(decision, Bury):
            await self._bury(claimed, decision.why)
            return None
        deadline = time.monotonic() + started.left_ms / 1000
        try:
            await self._score(claimed)
        except Exception as error:
            return await self._after_failure(claimed, error, deadline)
        return None

    async def _score(self, claimed: ClaimedJob) -> None:
        started = time.perf_counter()
        job = claimed.job
        if claimed.attempt == 1:
            QUEUE_WAIT.observe(job.waited_ms / 1000)
        self.begun.add(job.id)
        run = secrets.token_hex(8)
        with isolated(job.owner), job_span(job, claimed.attempt) as recorded:
            async for results in self._in_time(self.scorer.score(job)):
                self._outages.ended()
                if isinstance(results, Piece):
                    await self._publish(job, run, results)
                    continue
                keep_from_logs(_model_texts(results.values()))
                await self._until_stored(partial(self.queue.settle, job, results))
                recorded.settled(results)
                for result in results.values():
                    count_result(result)
        await self._until_stored(partial(self.queue.finish, self.pool, claimed))
        seconds = time.perf_counter() - started
        JOBS.labels("done").inc()
        JOB_SECONDS.observe(seconds)
        _log.info(
            "job done",
            extra={
                "score_set": job.score_set,
                "cells": len(job.cells),
                "ms": round(seconds * 1000, 1),
            },
        )

    async def _publish(self, job: Job, run: str, piece: Piece) -> None:
        """Send a part of a text. It may be lost: the whole text comes in its cell."""
        try:
            await self.queue.publish(job, run, piece)
        except StoreUnavailable as error:
            _log.warning("sending a part of a text: %s", error.detail)

    async def _in_time(
        self, scored: AsyncIterator[CellResults | Piece]
    ) -> AsyncIterator[CellResults | Piece]:
        """What `scored` yields. Raises `EngineError` if it yields nothing for too long.

        The canary sees a model that hangs, but not that it has lost one request.
        """
        while True:
            try:
                async with asyncio.timeout(self.settings.answer_s):
                    results = await anext(scored)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise EngineError(
                    f"the model gave no answer within {self.settings.answer_s:g} s "
                    "(AZIMUTH_WORKER_ANSWER_S)"
                ) from error
            yield results

    async def _until_stored(self, store: Callable[[], Awaitable[None]]) -> None:
        """Repeat a step until Redis takes it: an answer of the model is not thrown away.

        If another worker takes the job over meanwhile, the consumer cancels this.
        """
        while True:
            try:
                return await store()
            except StoreUnavailable as error:
                _log.warning("storing scores: %s", error.detail)
                await asyncio.sleep(self.settings.store_retry_s)

    async def _after_failure(
        self, claimed: ClaimedJob, error: Exception, deadline: float
    ) -> RetryLater | None:
        expected = isinstance(error, EngineError | StoreUnavailable | UnknownBank)
        _log.warning("job failed: %s", plain(error), exc_info=not expected)
        wait_s = self.settings.retry_s
        if is_outage(error):
            wait_s = self._outages.failed(time.monotonic())
        left_s = max(0.0, deadline - time.monotonic())
        decision = decide_failure(
            error,
            attempt=claimed.attempt,
            max_attempts=self.settings.max_attempts,
            # Not beyond the deadline, so that callers learn of it in time.
            retry_s=min(jittered(wait_s, random.random()), left_s),
        )
        if isinstance(decision, RetryLater):
            return decision
        if isinstance(decision, EndWorker):
            self.failed = decision.why
        else:
            await self._bury(claimed, decision.why)
        return None

    async def _bury(self, claimed: ClaimedJob, why: str) -> None:
        worker, entry = self.worker_id, claimed.entry_id
        if entry not in await self.queue.renew(self.pool, worker, [entry]):
            # Taken over while this worker was silent: its new owner decides.
            _log.warning("job not given up, another worker has it: %s", why)
            return
        await self.queue.bury(self.pool, claimed, why, _all_unscored(claimed, "engine-error", why))
        JOBS.labels("buried").inc()
        _log.error("job given up: %s", why)

    async def _expire(self, claimed: ClaimedJob) -> None:
        detail = "the deadline passed before the job was started"
        await self.queue.settle(claimed.job, _all_unscored(claimed, "deadline", detail))
        await self.queue.finish(self.pool, claimed)
        JOBS.labels("expired").inc()
        _log.warning("job expired: %s", detail)


def _model_texts(results: Iterable[object]) -> list[str]:
    cells = [one for one in results if isinstance(one, Cell)]
    reasonings = [score.reasoning for cell in cells for score in cell.scores if score.reasoning]
    return reasonings + [cell.text.text for cell in cells if cell.text is not None]


def _all_unscored(claimed: ClaimedJob, reason: UnscoredReason, detail: str) -> dict[str, Unscored]:
    return {
        cell_field: Unscored(subject.name, reason, detail)
        for cell_field, subject in claimed.job.cells.items()
    }
