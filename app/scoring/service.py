"""Scores for a plan: from the cache, from work in flight, or from a worker."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from app.domain.cells import Cell, CellTimings, Unscored, Usage
from app.domain.job import Job
from app.domain.plan import ScorePlan
from app.domain.scenario import Attribute, Choice
from app.errors import (
    ContextOverflow,
    DeadlinePassed,
    QueueFull,
    ScoringFailed,
    StoreUnavailable,
)
from app.scoring.planning import PlannedRequest, not_ready
from app.store.fleet import Fleet
from app.store.notice_hub import NoticeHub, Subscription
from app.store.queue import JobQueue
from app.store.score_sets import ScoreCache
from app.telemetry.metrics import CELLS, TOKENS

_log = logging.getLogger(__name__)
_STORE_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request waits, in seconds from its arrival."""

    wait_s: float
    """Then it is told where to ask again."""
    deadline_s: float
    """Then the scores are of no use to it."""


@dataclass(frozen=True, slots=True)
class ScoreOutcome:
    """What there is for a plan when its request stops waiting."""

    cells: dict[str, Cell]
    unscored: dict[str, Unscored]
    cached: frozenset[str]
    """Fields that were in the cache when the request came."""
    pending: frozenset[str]
    """Fields still in flight when the request stopped waiting."""
    total_ms: float

    @property
    def fresh(self) -> list[Cell]:
        """Cells that were scored while the request waited."""
        return [cell for field, cell in self.cells.items() if field not in self.cached]

    @property
    def usage(self) -> Usage:
        """Tokens of the fresh cells."""
        total = Usage()
        for cell in self.fresh:
            total += cell.usage
        return total

    @property
    def timings(self) -> CellTimings:
        """Of the fresh cells the longest; they are scored side by side."""
        fresh = self.fresh
        return CellTimings(
            queue=max((c.timings.queue for c in fresh), default=0.0),
            retrieval=max((c.timings.retrieval for c in fresh), default=0.0),
            engine=max((c.timings.engine for c in fresh), default=0.0),
        )


class ScoringService:
    """Carries a plan out as far as an API process does: ask, wait, collect."""

    def __init__(self, cache: ScoreCache, queue: JobQueue, hub: NoticeHub, fleet: Fleet) -> None:
        self._cache = cache
        self._queue = queue
        self._hub = hub
        self._fleet = fleet

    async def score(
        self, planned: PlannedRequest, patience: Patience, request_id: str
    ) -> ScoreOutcome:
        """Scores for every cell of a plan, or the reason why not.

        Raises `ModelNotReady` when something must be scored and no worker is ready, `QueueFull`,
        `DeadlinePassed`, and `ContextOverflow` or `ScoringFailed` when no cell at all has scores.
        """
        started = time.monotonic()
        plan = planned.plan
        fields = list(plan.cells)
        hits, _ = await self._cache.cells(plan.score_set, fields)
        if len(hits) < len(fields) and not planned.live:
            raise await not_ready(self._fleet)
        deadline = started + patience.deadline_s
        end = min(started + patience.wait_s, deadline)
        with self._hub.listen(plan.score_set) as listener:
            waiting = await self._submit(planned, fields, deadline, request_id)
            while True:
                waiting = await self._wait(listener, waiting, planned, end, deadline, request_id)
                cells, unscored = await self._cache.cells(plan.score_set, fields)
                again = _to_ask_again(fields, cells, unscored, waiting)
                if not again or time.monotonic() >= deadline:
                    break
                listener.settled.difference_update(again)
                waiting |= await self._submit(planned, again, deadline, request_id)
            pending = frozenset(f for f in waiting if f not in cells and f not in unscored)
            if listener.resynced:
                # Redis may have forgotten how the candidates were listed: tell it again. Cells that
                # failed are left out: they would be scored anew, and nobody waits for them.
                known = [field for field in fields if field in cells or field in pending]
                try:
                    await self._submit(planned, known, deadline, request_id)
                except (QueueFull, StoreUnavailable) as error:
                    if pending:
                        raise
                    _log.warning(
                        "answered, but not told again: %s",
                        error.detail,
                        extra={"request_id": request_id, "score_set": plan.score_set},
                    )
        outcome = ScoreOutcome(
            cells=cells,
            unscored=unscored,
            cached=frozenset(hits),
            pending=pending,
            total_ms=(time.monotonic() - started) * 1000,
        )
        _count(outcome)
        _raise_failures(plan, outcome, patience)
        return outcome

    async def _submit(
        self, planned: PlannedRequest, fields: list[str], deadline: float, request_id: str
    ) -> set[str]:
        plan = planned.plan
        wanted = {field: plan.cells[field] for field in fields}
        job = Job(
            id=uuid.uuid4().hex,
            score_set=plan.score_set,
            scenario=plan.scenario,
            attributes={f: asked for f, asked in wanted.items() if isinstance(asked, Attribute)},
            choices={f: asked for f, asked in wanted.items() if isinstance(asked, Choice)},
            scorer=plan.scorer,
            request_id=request_id,
            submitted_ms=int(time.time() * 1000),
        )
        submission = await self._queue.submit(
            job,
            planned.pool.name,
            within_ms=max(0, int((deadline - time.monotonic()) * 1000)),
            view=plan.view,
            presentation=plan.presentation,
            surface=plan.surface,
        )
        return set(submission.waiting)

    async def _wait(
        self,
        listener: Subscription,
        waiting: set[str],
        planned: PlannedRequest,
        end: float,
        deadline: float,
        request_id: str,
    ) -> set[str]:
        """Wait until all cells are settled, or until `end`; returns those that are not.

        Both times are `time.monotonic`'s.
        """
        while waiting and (left := end - time.monotonic()) > 0:
            if not await listener.wait(left):
                break
            waiting -= listener.settled
            if listener.resync and waiting:
                # Notices may be lost, and with a Redis that forgot everything even the job itself.
                # To submit again finds what is scored, joins what is in flight, queues the rest.
                listener.resync = False
                try:
                    waiting = await self._submit(planned, list(waiting), deadline, request_id)
                except StoreUnavailable:
                    await asyncio.sleep(_STORE_RETRY_S)
                    listener.request_resync()
        return waiting


def _to_ask_again(
    fields: Sequence[str],
    cells: Mapping[str, Cell],
    unscored: Mapping[str, Unscored],
    waiting: Collection[str],
) -> list[str]:
    """Fields that were settled, but not for us.

    Somebody else's job was dropped at the very moment when we joined it (`deadline`), or its cell
    failed and a third request has asked for it anew before we looked (found nowhere).
    """
    return [
        field
        for field in fields
        if field not in cells
        and field not in waiting
        and (field not in unscored or unscored[field].reason == "deadline")
    ]


def _raise_failures(plan: ScorePlan, outcome: ScoreOutcome, patience: Patience) -> None:
    id_extension: dict[str, object] = {"score_set_id": plan.score_set_id}
    expired = [u for u in outcome.unscored.values() if u.reason == "deadline"]
    # Decided by which limit is nearer, not by a clock that may have stopped a hair before it.
    if expired or (outcome.pending and patience.deadline_s <= patience.wait_s):
        raise DeadlinePassed(
            f"the deadline of {patience.deadline_s:g} s passed; what is scored later is cached",
            extensions=id_extension,
        )
    if outcome.cells or outcome.pending or not outcome.unscored:
        return
    reasons = {u.reason for u in outcome.unscored.values()}
    first = next(iter(outcome.unscored.values()))
    if reasons == {"context-overflow"}:
        worst = max(outcome.unscored.values(), key=lambda u: u.prompt_tokens or 0)
        raise ContextOverflow(
            worst.detail,
            extensions={
                "prompt_tokens": worst.prompt_tokens,
                "output_tokens": worst.output_tokens,
                "context_length": worst.context_length,
            },
        )
    if reasons == {"engine-error"}:
        raise ScoringFailed(first.detail, extensions=id_extension | unscored_extension(outcome))


def unscored_extension(outcome: ScoreOutcome) -> dict[str, object]:
    """The reasoned absences of an outcome, as a member of a problem document."""
    return {"unscored": [msgspec.to_builtins(u) for u in outcome.unscored.values()]}


def _count(outcome: ScoreOutcome) -> None:
    CELLS.labels("cached").inc(len(outcome.cached))
    CELLS.labels("scored").inc(len(outcome.fresh))
    CELLS.labels("unscored").inc(len(outcome.unscored))
    usage = outcome.usage
    TOKENS.labels("prompt").inc(usage.prompt_tokens)
    TOKENS.labels("cached_prompt").inc(usage.cached_prompt_tokens)
    TOKENS.labels("output").inc(usage.output_tokens)
