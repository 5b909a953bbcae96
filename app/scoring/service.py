"""From a plan to a score set: reads the cache, joins work in flight, queues the rest, and waits."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from app.domain.cells import Cell, CellState, Pending, Unscored
from app.domain.job import Job
from app.domain.scenario import Attribute, Choice, States
from app.domain.score_set import ScoreSet
from app.domain.writing import Writing
from app.errors import (
    CallerLeft,
    ContextOverflow,
    DeadlinePassed,
    QueueFull,
    ScoringFailed,
    StoreUnavailable,
)
from app.scoring.planned import PlannedJudge
from app.scoring.pools import not_ready
from app.store.fleet import Fleet
from app.store.jobs import Submission
from app.store.notice_hub import NoticeHub, Subscription
from app.store.queue import JobQueue
from app.store.score_sets import LOST, ScoreCache
from app.store.tenancy import payer
from app.telemetry.metrics import CACHE_LOOKUPS, CELLS, TOKENS, UNSCORED
from app.telemetry.traces import traceparent

_log = logging.getLogger(__name__)
_STORE_RETRY_S = 0.5
# Kept, because looking up labels takes a while, and rates need a first value.
_CACHED, _HITS, _MISSES = (
    CELLS.labels("cached"),
    CACHE_LOOKUPS.labels("hit"),
    CACHE_LOOKUPS.labels("miss"),
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request waits. In seconds from its arrival."""

    wait_s: float
    """Time after which the request is answered with a URL to poll."""
    deadline_s: float
    """Time after which the caller no longer needs the scores."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """A judge's plan that waits for its cells. Times are from `time.monotonic`."""

    planned: PlannedJudge
    listener: Subscription
    until: float
    """Time at which the request stops waiting."""
    deadline: float
    request_id: str
    name: str
    """Unlike that of any other waiting request."""
    left: Callable[[], Awaitable[None]] | None
    """Returns when the caller has left; None for one that cannot leave."""


class ScoringService:
    """Carries out plans of one judge: submits cells, waits for them and collects them."""

    def __init__(self, cache: ScoreCache, queue: JobQueue, hub: NoticeHub, fleet: Fleet) -> None:
        self._cache = cache
        self._queue = queue
        self._hub = hub
        self._fleet = fleet

    async def score(
        self,
        planned: PlannedJudge,
        patience: Patience,
        request_id: str,
        *,
        left: Callable[[], Awaitable[None]] | None = None,
    ) -> ScoreSet:
        """Score a plan. Each cell of the result is scored, unscored or still pending.

        When `left` returns, the caller has left: work that nobody else waits for and that has not
        begun is dropped.

        Raises `ModelNotReady` if cells must be scored and no worker is ready, `QueueFull`,
        `DeadlinePassed`, `CallerLeft`, and `ContextOverflow` or `ScoringFailed` if every cell
        failed.
        """
        started = time.monotonic()
        plan = planned.plan
        await self.check(planned)
        deadline = started + patience.deadline_s
        with self._hub.listen(plan.score_set.digest) as listener:
            until = min(started + patience.wait_s, deadline)
            name = secrets.token_hex(16)
            wait = _Wait(planned, listener, until, deadline, request_id, name, left)
            hits, settled, waiting = await self._collect(wait)
            if listener.resynced:
                await self._restore_presentation(wait, settled, waiting)
        cells = {
            field: _state(field, asked.name, settled, waiting)
            for field, asked in plan.asked.items()
        }
        score_set = replace(plan.score_set, cells=cells, cached=frozenset(hits))
        _count(score_set)
        _raise_failures(score_set, patience)
        return score_set

    async def check(self, planned: PlannedJudge) -> None:
        """Raise `ModelNotReady` if no worker is ready, unless all cells are cached."""
        if planned.live:
            return
        plan = planned.plan
        known = await self._cache.cells(plan.score_set.digest, list(plan.asked))
        if any(not isinstance(known.get(field), Cell) for field in plan.asked):
            method = plan.score_set.scorer.settings.method
            raise not_ready(await self._fleet.workers(), method)

    async def _collect(
        self, wait: _Wait
    ) -> tuple[dict[str, Cell], dict[str, Cell | Unscored], set[str]]:
        """Submit cells and wait for them.

        Returns the cells that were cached, all settled cells, and the fields still in flight. Takes
        one round trip if everything is cached.
        """
        plan = wait.planned.plan
        submission = await self._submit(wait, list(plan.asked))
        hits, waiting = submission.scored, set(submission.waiting)
        rest = [field for field in plan.asked if field not in hits]
        if not rest:
            return hits, dict(hits), set()
        async with self._unless_left(wait):
            while True:
                waiting = await self._wait_for(wait, waiting)
                settled = hits | await self._cache.cells(plan.score_set.digest, rest)
                again = _to_ask_again(rest, settled, waiting)
                if not again or time.monotonic() >= wait.deadline:
                    return hits, settled, waiting - settled.keys()
                wait.listener.settled.difference_update(again)
                waiting |= set((await self._submit(wait, again)).waiting)

    @asynccontextmanager
    async def _unless_left(self, wait: _Wait) -> AsyncIterator[None]:
        """End the wait within when the caller leaves. Raises `CallerLeft`."""
        if wait.left is None:
            yield
            return
        watch = asyncio.ensure_future(wait.left())
        watch.add_done_callback(lambda _: wait.listener.close())
        try:
            yield
        finally:
            left = watch.done()
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        if left:
            watch.result()  # raises what went wrong in it
            plan = wait.planned.plan
            await self._queue.leave(
                plan.score_set.digest, list(plan.asked), wait.name, begun_too=plan.writes
            )
            raise CallerLeft("the caller closed the connection")

    async def _submit(self, wait: _Wait, fields: Sequence[str]) -> Submission:
        """Submit cells to the queue."""
        plan = wait.planned.plan
        wanted = {field: plan.asked[field] for field in fields}
        job = Job(
            id=secrets.token_hex(16),
            score_set=plan.score_set.digest,
            scenario=plan.scenario,
            attributes={f: asked for f, asked in wanted.items() if isinstance(asked, Attribute)},
            choices={f: asked for f, asked in wanted.items() if isinstance(asked, Choice)},
            states={f: asked for f, asked in wanted.items() if isinstance(asked, States)},
            texts={f: asked for f, asked in wanted.items() if isinstance(asked, Writing)},
            messages=plan.messages,
            streams=plan.streams,
            scorer=plan.score_set.scorer,
            request_id=wait.request_id,
            payer=payer(),
            trace=traceparent(),
        )
        return await self._queue.submit(
            job,
            wait.planned.pool.name,
            within_ms=max(0, int((wait.deadline - time.monotonic()) * 1000)),
            view=plan.score_set.view or "",
            presentation=plan.presentation,
            surface=plan.surface,
            waiter=wait.name,
        )

    async def _wait_for(self, wait: _Wait, waiting: set[str]) -> set[str]:
        """Wait until all cells are settled or `wait.until` has come; returns the unsettled ones."""
        listener = wait.listener
        while waiting and (left := wait.until - time.monotonic()) > 0:
            if not await listener.wait(left):
                break
            waiting = waiting - listener.settled
            if listener.resync and waiting:
                # Notices may be lost; if Redis was restarted empty, so is the job. Submitting again
                # returns scored cells, joins those in flight and queues the others.
                listener.resync = False
                try:
                    waiting = set((await self._submit(wait, list(waiting))).waiting)
                except StoreUnavailable:
                    await asyncio.sleep(_STORE_RETRY_S)
                    listener.request_resync()
        return waiting

    async def _restore_presentation(
        self, wait: _Wait, settled: Mapping[str, Cell | Unscored], waiting: Collection[str]
    ) -> None:
        """Store the presentation again: a restarted Redis may have lost it.

        Unscored cells are left out: submitting them would score them again.
        """
        plan = wait.planned.plan
        known = [f for f in plan.asked if f in waiting or isinstance(settled.get(f), Cell)]
        try:
            await self._submit(wait, known)
        except (QueueFull, StoreUnavailable) as error:
            if waiting:
                raise
            _log.warning(
                "the answer was sent, but the order of candidates could not be stored again: %s",
                error.detail,
                extra={"request_id": wait.request_id, "score_set": plan.score_set.digest},
            )


def _state(
    field: str, name: str, settled: Mapping[str, Cell | Unscored], waiting: Collection[str]
) -> CellState:
    if field in settled:
        return settled[field]
    return Pending(name) if field in waiting else Unscored(name, "lost", LOST)


def _to_ask_again(
    fields: Sequence[str], settled: Mapping[str, Cell | Unscored], waiting: Collection[str]
) -> list[str]:
    """Fields that were settled by another request's job without a result for this request.

    Either that job was dropped just when this request joined it (`deadline`), or its cell failed
    and a third request submitted it again before this one read it (no longer settled).
    """

    def missed(field: str) -> bool:
        cell = settled.get(field)
        if isinstance(cell, Unscored):
            return cell.reason == "deadline"
        return cell is None

    return [field for field in fields if field not in waiting and missed(field)]


def _raise_failures(score_set: ScoreSet, patience: Patience) -> None:
    unscored = list(score_set.unscored.values())
    expired = any(cell.reason == "deadline" for cell in unscored)
    # Compare the limits, not the clock: it may read slightly less than the deadline.
    if expired or (score_set.pending and patience.deadline_s <= patience.wait_s):
        raise DeadlinePassed(
            f"the deadline of {patience.deadline_s:g} s passed; "
            "scores that arrive later are cached",
            extensions={"score_set_id": score_set.id},
        )
    if len(unscored) < len(score_set.cells):
        return
    reasons = {cell.reason for cell in unscored}
    if reasons == {"context-overflow"}:
        worst = max(unscored, key=lambda cell: cell.prompt_tokens or 0)
        counts = {
            "prompt_tokens": worst.prompt_tokens,
            "output_tokens": worst.output_tokens,  # none where the judge writes nothing
            "context_length": worst.context_length,
        }
        known: dict[str, object] = {n: count for n, count in counts.items() if count is not None}
        raise ContextOverflow(worst.detail, extensions=known)
    if reasons == {"engine-error"}:
        raise ScoringFailed(
            unscored[0].detail,
            extensions={"score_set_id": score_set.id} | unscored_extension(unscored),
        )


def unscored_extension(unscored: Sequence[Unscored]) -> dict[str, object]:
    """Extension member of a problem document that lists unscored cells."""
    return {"unscored": [msgspec.to_builtins(cell) for cell in unscored]}


def _count(score_set: ScoreSet) -> None:
    cached, cells = len(score_set.cached), len(score_set.cells)
    _CACHED.inc(cached)
    _HITS.inc(cached)
    if cached == cells:
        return
    _MISSES.inc(cells - cached)
    CELLS.labels("scored").inc(len(score_set.fresh))
    CELLS.labels("unscored").inc(len(score_set.unscored))
    for cell in score_set.unscored.values():
        UNSCORED.labels(cell.reason).inc()
    usage = score_set.usage
    TOKENS.labels("prompt").inc(usage.prompt_tokens)
    TOKENS.labels("cached_prompt").inc(usage.cached_prompt_tokens)
    TOKENS.labels("output").inc(usage.output_tokens)
