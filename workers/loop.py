"""The worker's loop: claim -> score -> store -> acknowledge, with leases and heartbeats."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from dataclasses import dataclass, field

from app.domain.cells import Cell, Unscored
from app.errors import StoreUnavailable, UnknownBank
from app.settings import WorkerSettings
from app.store.banks import BankStore
from app.store.fleet import HEARTBEAT_S, Fleet, Pool, WorkerInfo, WorkerState
from app.store.jobs import ClaimedJob
from app.store.notice_hub import EVERY_BANK, NoticeHub
from app.store.queue import JobQueue
from workers.banks import BankLibrary
from workers.engines.base import EngineError
from workers.judges.base import JobScorer, Runner
from workers.metrics import CELLS, JOB_SECONDS, JOBS, TOKENS
from workers.policy import (
    Bury,
    EndWorker,
    Expire,
    RetryLater,
    decide_failure,
    decide_start,
    plain,
)

_log = logging.getLogger(__name__)
_BLOCK_MS = 1000
_TAKE_OVER_S = 1.0
_STORE_RETRY_S = 0.5
_INDEX_AGAIN_S = 300.0
"""Longest that a bank which fails to be indexed waits for its next try."""


class WorkerFailed(Exception):
    """The worker cannot go on and must be started anew."""


@dataclass(slots=True)
class Status:
    """What this worker says of itself with each heartbeat."""

    worker_id: str
    model: str
    state: WorkerState = "loading"
    detail: str = "starting"
    pool: Pool | None = None
    in_flight: int = 0

    def info(self) -> WorkerInfo:
        """As the fleet stores it."""
        return WorkerInfo(
            id=self.worker_id,
            state=self.state,
            detail=self.detail,
            pool=self.pool.name if self.pool else None,
            model=self.model,
            in_flight=self.in_flight,
        )


async def beat_forever(
    fleet: Fleet, status: Status, banks: BankStore, library: BankLibrary | None
) -> None:
    """Tell that this worker lives and which indexes it has, through every absence of Redis."""
    while True:
        try:
            await fleet.beat(status.info(), status.pool)
            for digest in library.ready if library else ():
                await banks.mark_indexed(digest, status.worker_id, ttl_s=4 * HEARTBEAT_S)
        except StoreUnavailable as error:
            _log.warning("heartbeat: %s", error.detail)
        await asyncio.sleep(HEARTBEAT_S)


async def index_forever(banks: BankStore, library: BankLibrary, hub: NoticeHub) -> None:
    """Index the banks that there are, then each new one as soon as it is stored.

    One that fails is tried again, ever more seldom, while the others have their turn. No failure
    ends this: a worker without an index for one bank still serves all requests that name others.
    """
    due = {EVERY_BANK: time.monotonic()}
    failures: Counter[str] = Counter()
    while True:
        digest = await _next_due(due, hub)
        try:
            if digest == EVERY_BANK:
                for stored in await banks.digests():
                    if stored not in library.ready:
                        due.setdefault(stored, time.monotonic())
            else:
                await library.get(digest)
            del failures[digest]
        except UnknownBank as error:
            # Deleted meanwhile. There will be a notice if it is stored again.
            del failures[digest]
            _log.warning("indexing ahead of need: %s", error.detail)
        except Exception as error:
            failures[digest] += 1
            due[digest] = time.monotonic() + index_again_in_s(failures[digest])
            if isinstance(error, StoreUnavailable):
                # Notices may have been lost as well.
                due.setdefault(EVERY_BANK, due[digest])
            _log.warning(
                "indexing ahead of need: %s",
                plain(error),
                extra={"bank": digest},
                exc_info=not isinstance(error, StoreUnavailable),
            )


def index_again_in_s(failures: int) -> float:
    """Seconds until a bank that could not be indexed is tried again: 0.5, 1, 2 … 300."""
    return float(min(_STORE_RETRY_S * 2 ** min(failures - 1, 16), _INDEX_AGAIN_S))


async def _next_due(due: dict[str, float], hub: NoticeHub) -> str:
    """Wait for the next bank to index and take it off `due` (digest -> when, monotonic)."""
    while True:
        while not hub.banks.empty():
            due[hub.banks.get_nowait()] = time.monotonic()
        first = min(due, key=due.__getitem__, default=None)
        if first is not None and due[first] <= time.monotonic():
            del due[first]
            return first
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if first is None else due[first] - time.monotonic()):
                due[await hub.banks.get()] = time.monotonic()


@dataclass(slots=True)
class JobLoop:
    """Claims jobs of one pool and sees them through."""

    queue: JobQueue
    scorer: JobScorer
    engine: Runner
    status: Status
    pool: str
    settings: WorkerSettings
    engine_is_remote: bool = False
    """Whether the model runs elsewhere, so that starting this worker anew would not help it."""
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """Stream entry -> the job's task."""
    _failed: str | None = None
    _failures: int = 0
    """Failed jobs in a row."""
    _again: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Jobs that were begun before go one by one: if one of them ends the engine, it is found."""
    _begun: set[str] = field(default_factory=set)
    """Ids of the jobs that the engine has seen, whose start is counted."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain. Raises `WorkerFailed`."""
        async with asyncio.TaskGroup() as group:
            keepers = [
                group.create_task(self._renew_leases()),
                group.create_task(self._watch_engine()),
            ]
            try:
                await self._claim_until(stop)
                await self._drain()
            finally:
                for keeper in keepers:
                    keeper.cancel()
        if self._failed:
            raise WorkerFailed(self._failed)

    async def _claim_until(self, stop: asyncio.Event) -> None:
        opened = False
        next_take_over = 0.0
        while not stop.is_set() and not self._failed:
            free = self.settings.concurrency - len(self._tasks)
            if free <= 0:
                await asyncio.wait(
                    self._tasks.values(), timeout=1.0, return_when=asyncio.FIRST_COMPLETED
                )
                continue
            try:
                if not opened:
                    await self.queue.open(self.pool)
                    opened = True
                claimed: list[tuple[str, str]] = []
                if time.monotonic() >= next_take_over:
                    next_take_over = time.monotonic() + _TAKE_OVER_S
                    claimed = await self._take_over(free)
                if not claimed:
                    claimed = await self._read(free)
            except StoreUnavailable as error:
                _log.warning("claiming: %s", error.detail)
                opened = False
                await asyncio.sleep(_STORE_RETRY_S)
                continue
            for entry_id, job_id in claimed:
                self._begin(entry_id, job_id)

    async def _take_over(self, free: int) -> list[tuple[str, str]]:
        lease_ms = int(self.settings.lease_s * 1000)
        taken = await self.queue.take_over(
            self.pool, self.status.worker_id, count=free, lease_ms=lease_ms
        )
        for _, job_id in taken:
            _log.warning("took over a job whose worker went silent", extra={"job": job_id})
        return taken

    async def _read(self, free: int) -> list[tuple[str, str]]:
        return await self.queue.read(
            self.pool, self.status.worker_id, count=free, block_ms=_BLOCK_MS
        )

    def _begin(self, entry_id: str, job_id: str) -> None:
        if entry_id in self._tasks:
            return  # taken over from ourselves: it is under way
        task = asyncio.create_task(self._see_through(entry_id, job_id), name=job_id)
        self._tasks[entry_id] = task
        task.add_done_callback(lambda _: self._ended(entry_id))
        self.status.in_flight = len(self._tasks)

    def _ended(self, entry_id: str) -> None:
        task = self._tasks.pop(entry_id, None)
        if task is not None and not self._failed:
            self._begun.discard(task.get_name())
        self.status.in_flight = len(self._tasks)

    async def _see_through(self, entry_id: str, job_id: str) -> None:
        try:
            claimed = await self.queue.load(self.pool, entry_id, job_id)
            if claimed is not None:
                await self._handle(claimed)
        except StoreUnavailable as error:
            # Nothing is lost: unacknowledged, the job comes back when its lease has run out.
            _log.warning("job left for later: %s", error.detail, extra={"job": job_id})
        except Exception:
            _log.exception("unforeseen error in a job", extra={"job": job_id})

    async def _handle(self, claimed: ClaimedJob) -> None:
        if claimed.attempt > 1:
            async with self._again:
                await self._start(claimed)
        else:
            await self._start(claimed)

    async def _start(self, claimed: ClaimedJob) -> None:
        """Decide at the last moment: by now it may be too late, and what waits is not begun."""
        started = await self.queue.start(self.pool, self.status.worker_id, claimed)
        if started is None:
            return
        begun = started.claimed
        decision = decide_start(
            left_ms=started.left_ms,
            attempt=begun.attempt,
            max_attempts=self.settings.max_attempts,
        )
        if isinstance(decision, Expire):
            await self._expire(begun)
        elif isinstance(decision, Bury):
            await self._bury(begun, decision.why)
        else:
            await self._score(begun)

    async def _score(self, claimed: ClaimedJob) -> None:
        started = time.perf_counter()
        self._begun.add(claimed.job.id)
        try:
            async for results in self.scorer.score(claimed.job):
                await self.queue.settle(claimed.job, results)
                for result in results.values():
                    _count(result)
                self._failures = 0
            await self.queue.finish(self.pool, claimed)
        except Exception as error:
            await self._failed_with(claimed, error)
            return
        JOBS.labels("done").inc()
        JOB_SECONDS.observe(time.perf_counter() - started)
        _log.info(
            "job done",
            extra={
                "job": claimed.job.id,
                "request_id": claimed.job.request_id,
                "score_set": claimed.job.score_set,
                "cells": len(claimed.job.cells),
                "ms": round((time.perf_counter() - started) * 1000, 1),
            },
        )

    async def _failed_with(self, claimed: ClaimedJob, error: Exception) -> None:
        decision = decide_failure(
            error,
            attempt=claimed.attempt,
            max_attempts=self.settings.max_attempts,
            failures=self._failures,
        )
        self._failures += 1
        extra = {"job": claimed.job.id, "request_id": claimed.job.request_id}
        expected = isinstance(error, EngineError | StoreUnavailable | UnknownBank)
        _log.warning("job failed: %s", plain(error), extra=extra, exc_info=not expected)
        if isinstance(decision, EndWorker):
            self._failed = decision.why
        elif isinstance(decision, Bury):
            await self._bury(claimed, decision.why)
        elif isinstance(decision, RetryLater):
            JOBS.labels("retried").inc()
            await asyncio.sleep(decision.delay_s)
            await self._give_back(claimed.entry_id, claimed.job.id, refund=decision.free)

    async def _give_back(self, entry_id: str, job_id: str, *, refund: bool) -> None:
        worker = self.status.worker_id
        await self.queue.release(self.pool, worker, entry_id, job_id, refund=refund)

    async def _bury(self, claimed: ClaimedJob, why: str) -> None:
        worker, entry = self.status.worker_id, claimed.entry_id
        if entry not in await self.queue.renew(self.pool, worker, [entry]):
            # Taken over while we were silent: it is for its new owner to say what becomes of it, or
            # has ended already.
            _log.warning("not given up, another has it: %s", why, extra={"job": claimed.job.id})
            return
        failures = {
            cell_field: Unscored(asked.name, "engine-error", why)
            for cell_field, asked in claimed.job.cells.items()
        }
        await self.queue.bury(self.pool, claimed, why, failures)
        JOBS.labels("buried").inc()
        _log.error(
            "job given up: %s",
            why,
            extra={"job": claimed.job.id, "request_id": claimed.job.request_id},
        )

    async def _expire(self, claimed: ClaimedJob) -> None:
        detail = "the deadline passed before it was begun"
        late = {
            cell_field: Unscored(asked.name, "deadline", detail)
            for cell_field, asked in claimed.job.cells.items()
        }
        await self.queue.settle(claimed.job, late)
        await self.queue.finish(self.pool, claimed)
        JOBS.labels("expired").inc()

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self.settings.lease_s / 3)
            entries = list(self._tasks)
            try:
                held = await self.queue.renew(self.pool, self.status.worker_id, entries)
            except StoreUnavailable as error:
                _log.warning("renewing leases: %s", error.detail)
                continue
            lost = [e for e in entries if e not in held and e in self._tasks]
            if lost:
                # Finished this moment, or taken over while we were silent. The work goes on either
                # way: of a cell that is scored twice, the first scores stay.
                _log.info("leases no longer held", extra={"entries": lost})

    async def _watch_engine(self) -> None:
        """One token now and then: the only check that sees an engine which hangs."""
        while True:
            await asyncio.sleep(self.settings.canary_s)
            finished = self.engine.finished
            try:
                await asyncio.wait_for(self.engine.check(), self.settings.canary_timeout_s)
            except TimeoutError:
                # A busy engine answers the canary late; one that hangs finishes nothing at all.
                if self.engine.finished > finished:
                    continue
                if self.engine_is_remote:
                    _log.warning("canary: the endpoint does not answer")  # no restart helps
                    continue
                self._failed = "the model does not answer any more"
                return
            except EngineError as error:
                decision = decide_failure(error, attempt=1, max_attempts=2)
                _log.warning("canary: %s", error)
                if isinstance(decision, EndWorker):
                    self._failed = decision.why
                    return

    async def _drain(self) -> None:
        """Finish what has begun, for a while; give the rest back at once."""
        if self._failed:
            self.status.state, self.status.detail = "failed", self._failed
        else:
            self.status.state, self.status.detail = "draining", "finishing what has begun"
        if self._tasks and not self._failed:
            await asyncio.wait(self._tasks.values(), timeout=self.settings.drain_s)
        left, begun = dict(self._tasks), set(self._begun)
        for task in left.values():
            task.cancel()
        await asyncio.gather(*left.values(), return_exceptions=True)
        for entry_id, task in left.items():
            job_id = task.get_name()
            # Of a failed engine each may have been the cause.
            called_off = job_id in begun and not self._failed
            try:
                await self._give_back(entry_id, job_id, refund=called_off)
            except StoreUnavailable as error:
                _log.warning("giving a job back: %s", error.detail)


def _count(result: Cell | Unscored) -> None:
    if isinstance(result, Cell):
        CELLS.labels("scored").inc()
        TOKENS.labels("prompt").inc(result.usage.prompt_tokens)
        TOKENS.labels("cached_prompt").inc(result.usage.cached_prompt_tokens)
        TOKENS.labels("output").inc(result.usage.output_tokens)
    else:
        CELLS.labels(result.reason).inc()
