"""The job queue: Redis Streams with leases, takeover, refusal when full, and dead letters.

Written here rather than taken from a library. taskiq-redis trims a full stream instead of refusing,
takes jobs over by idle time alone (so a long job runs twice) and has no dead letters; FastStream
leaves leases, joining of work in flight, refusal and dead letters to its user. What remains is a
few commands of redis-py, and the scripts in `lua/`, which make each step atomic.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.domain.cells import CellResults, Unscored
from app.domain.features import SurfaceFeatures
from app.domain.fingerprint import attribute_name
from app.domain.job import Job
from app.domain.scenario import Presentation
from app.domain.writing import Piece
from app.store.batching import BatchedScript
from app.store.cell_writer import CellWriter
from app.store.jobs import (
    Backlog,
    ClaimedJob,
    StartedJob,
    Submission,
    entries_of,
    flat,
    submission_of,
)
from app.store.notices import PieceNotice
from app.store.redis import (
    GROUP,
    NOTICES,
    as_text,
    dead_letter_key,
    inflight_key,
    job_key,
    score_set_key,
    stream_key,
    translated,
    view_key,
)
from app.store.scripts import script

_log = logging.getLogger(__name__)
_JOB_GRACE_MS = 6 * 3_600_000
"""How long a job's body outlives its deadline, in case a worker works on it that long."""
_POLL_GRACE_S = 60
"""How long a score set outlives the deadline of those who poll it."""
_RELEASED_IDLE_MS = 30 * 24 * 3_600_000
"""Idle time of a job that was given back: longer than any outage, so that it is told from those
whose worker is silent."""
_DEAD_LETTERS_KEPT = 1000
_UNREADABLE = "the job was queued by another version of Azimuth and cannot be read; ask again"


class JobQueue:
    """Both ends of the queue. API processes submit; workers claim, renew, settle, finish."""

    def __init__(
        self, redis: Redis, *, queue_limit: int, cache_ttl_s: int, reader: Redis | None = None
    ) -> None:
        self._redis = redis
        self._reader = reader or redis
        """For reads that block."""
        self._queue_limit = queue_limit
        self._cache_ttl_s = cache_ttl_s
        self._cells = CellWriter(redis, cache_ttl_s=cache_ttl_s)
        self._submit = BatchedScript(redis, "submit_job")
        self._renew = script(redis, "renew_lease")
        self._release = script(redis, "release_job")
        self._start = script(redis, "start_job")
        self._leave = script(redis, "leave_jobs")
        self._looked_to: dict[str, str] = {}
        """Pool -> entry at which the next search for silent workers begins."""

    async def submit(
        self,
        job: Job,
        pool: str,
        *,
        within_ms: int,
        view: str,
        presentation: Presentation,
        surface: SurfaceFeatures,
        waiter: str = "",
    ) -> Submission:
        """Request a job's cells: answer those scored, join those in flight, queue the rest.

        The job is not started later than `within_ms` from now, unless another request for the
        same cells has a later deadline. `waiter` names who waits, for `leave`; without a name
        somebody always does. Atomic, and safe to repeat. Raises `QueueFull`.
        """
        fields: list[str] = []
        for field, asked in job.cells.items():
            fields += [field, asked.name]
        with translated():
            answer = await self._submit(
                keys=[
                    score_set_key(job.score_set),
                    inflight_key(job.score_set),
                    stream_key(pool),
                    job_key(job.id),
                    view_key(job.score_set, view),
                ],
                args=[
                    job.id,
                    msgspec.json.encode(job),
                    within_ms,
                    within_ms + _JOB_GRACE_MS,
                    self._queue_limit,
                    max(self._cache_ttl_s * 1000, within_ms + _POLL_GRACE_S * 1000),
                    job.score_set,
                    msgspec.json.encode(job.scorer),
                    msgspec.json.encode(presentation),
                    msgspec.json.encode(surface),
                    job_key(""),
                    waiter,
                    *fields,
                ],
            )
        return submission_of(answer)

    async def leave(
        self, score_set: str, fields: Sequence[str], waiter: str, *, begun_too: bool = False
    ) -> int:
        """No longer wait for cells; returns how many jobs nobody waits for and are dropped.

        Jobs that have begun are finished, because their scores are cached; with `begun_too`, their
        workers are told to stop.
        """
        with translated():
            dropped = await self._leave(
                keys=[inflight_key(score_set)],
                args=[GROUP, job_key(""), waiter, NOTICES if begun_too else "", *fields],
            )
        return int(dropped)

    async def depth(self, pool: str) -> int:
        """Jobs of a pool that wait or have started."""
        with translated():
            return int(await self._redis.xlen(stream_key(pool)))

    async def backlogs(self, pools: Sequence[str]) -> dict[str, Backlog]:
        """The backlog of each pool, in one round trip."""
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            for pool in pools:
                pipe.xlen(stream_key(pool))
                pipe.xlen(dead_letter_key(pool))
            lengths = await pipe.execute()
        return {
            pool: Backlog(int(depth), int(dead))
            for pool, depth, dead in zip(pools, lengths[::2], lengths[1::2], strict=True)
        }

    async def open(self, pool: str) -> None:
        """Create the pool's stream and consumer group unless they exist."""
        with translated():
            try:
                await self._redis.xgroup_create(stream_key(pool), GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def read(
        self, pool: str, worker: str, *, count: int, block_ms: int
    ) -> list[tuple[str, str]]:
        """Wait for new jobs; returns (entry id, job id) pairs."""
        with translated():
            answer: Any = await self._reader.xreadgroup(
                GROUP, worker, {stream_key(pool): ">"}, count=count, block=block_ms
            )
        if not answer:
            return []
        # RESP3 answers with a mapping, RESP2 with pairs.
        streams = answer.values() if isinstance(answer, Mapping) else [e for _, e in answer]
        return entries_of([entry for entries in streams for entry in flat(entries)])

    async def take_over(
        self, pool: str, worker: str, *, count: int, lease_ms: int | None
    ) -> list[tuple[str, str]]:
        """Take over jobs whose worker has been silent for longer than its lease.

        With None, only those that were given back.

        Redis examines ten entries for each one requested, so call this repeatedly: each call
        continues where the last one stopped.
        """
        with translated():
            answer: Any = await self._redis.xautoclaim(
                stream_key(pool),
                GROUP,
                worker,
                min_idle_time=_RELEASED_IDLE_MS if lease_ms is None else lease_ms,
                start_id=self._looked_to.get(pool, "0-0"),
                count=count,
            )
        self._looked_to[pool] = answer[0].decode()  # 0-0 after the last entry
        return entries_of(answer[1])

    async def load(self, pool: str, entry_id: str, job_id: str) -> ClaimedJob | None:
        """Read a claimed job, without the cells that have been scored meanwhile.

        None when it has ended or cannot be read; it is acknowledged then.
        """
        with translated():
            stored: Any = await self._redis.hgetall(job_key(job_id))
        if b"body" not in stored:
            await self._acknowledge(pool, entry_id, job_id)
            return None
        try:
            job = msgspec.json.decode(stored[b"body"], type=Job)
        except msgspec.DecodeError as error:
            await self._drop_unreadable(pool, entry_id, job_id, stored, error)
            return None
        fields = stored[b"fields"].decode().split("\n")
        with translated():
            scored = await self._redis.hmget(
                score_set_key(job.score_set), [f"cell:{field}" for field in fields]
            )
        missing = {f for f, cell in zip(fields, scored, strict=True) if cell is None}
        return ClaimedJob(entry_id, job.only(missing), attempt=int(stored[b"attempts"]) + 1)

    async def start(self, pool: str, worker: str, claimed: ClaimedJob) -> StartedJob | None:
        """Count the start of a job, and read how long it may still wait.

        None when it has ended meanwhile, or was taken over.
        """
        with translated():
            answer = await self._start(
                keys=[stream_key(pool), job_key(claimed.job.id)],
                args=[GROUP, worker, claimed.entry_id, uuid.uuid4().hex],
            )
        if not answer:
            return None
        attempt, left_ms, waited_ms = answer
        job = msgspec.structs.replace(
            claimed.job, waited_ms=float(waited_ms), left_ms=float(left_ms)
        )
        return StartedJob(msgspec.structs.replace(claimed, job=job, attempt=attempt), left_ms)

    async def renew(self, pool: str, worker: str, entry_ids: Sequence[str]) -> set[str]:
        """Renew the lease on jobs; returns the entries that this worker still holds."""
        if not entry_ids:
            return set()
        with translated():
            held = await self._renew(keys=[stream_key(pool)], args=[GROUP, worker, *entry_ids])
        return {entry.decode() for entry in held}

    async def release(
        self, pool: str, worker: str, entry_id: str, job_id: str, *, refund: bool = False
    ) -> bool:
        """Give a job back, for another worker to take over at once; False if it is not ours.

        With `refund`, its start does not count as an attempt: it ended for no fault of the job's.
        """
        with translated():
            released = await self._release(
                keys=[stream_key(pool), job_key(job_id)],
                args=[GROUP, worker, entry_id, int(refund), _RELEASED_IDLE_MS],
            )
        return bool(released)

    async def settle(self, job: Job, results: CellResults) -> None:
        """Save cells, or why they have no scores, and notify those who wait for them.

        Atomic. A cell that is scored already stays as it is; one without scores is scored again
        at the next request.
        """
        await self._cells.settle(job.id, job.score_set, results, scorer=job.scorer, payer=job.payer)

    async def publish(self, job: Job, run: str, piece: Piece) -> None:
        """Send a part of a text to the requests that wait for it now."""
        notice = PieceNotice(job.score_set, piece.field, run, piece.start, piece.text)
        with translated():
            await self._redis.publish(NOTICES, msgspec.json.encode(notice))

    async def finish(self, pool: str, claimed: ClaimedJob) -> None:
        """Acknowledge a job. Call it only when all of its cells are saved."""
        await self._acknowledge(pool, claimed.entry_id, claimed.job.id)

    async def bury(
        self, pool: str, claimed: ClaimedJob, why: str, failures: Mapping[str, Unscored]
    ) -> None:
        """Give a job up: notify its callers, keep it in the dead-letter stream, acknowledge it."""
        await self.settle(claimed.job, failures)
        letter = {
            "why": why,
            "job": claimed.job.id,
            "request_id": claimed.job.request_id,
            "attempts": claimed.attempt,
            "body": msgspec.json.encode(claimed.job),
        }
        await self._add_dead_letter(pool, letter)
        await self.finish(pool, claimed)

    async def _drop_unreadable(
        self,
        pool: str,
        entry_id: str,
        job_id: str,
        stored: Mapping[bytes, bytes],
        error: msgspec.DecodeError,
    ) -> None:
        """Give up a job that another version queued, and settle its cells."""
        _log.warning("job %s cannot be read and is given up: %s", job_id, error)
        if score_set := stored.get(b"score_set", b"").decode():
            fields = stored[b"fields"].decode().split("\n")
            with translated():
                names = await self._redis.hmget(
                    score_set_key(score_set), [f"asked:{field}" for field in fields]
                )
            failures = {
                field: Unscored(
                    as_text(name) if name else attribute_name(field),
                    "engine-error",
                    _UNREADABLE,
                )
                for field, name in zip(fields, names, strict=True)
            }
            await self._cells.settle(job_id, score_set, failures)
        letter = {"why": f"unreadable: {error}", "job": job_id, "body": stored[b"body"]}
        await self._add_dead_letter(pool, letter)
        await self._acknowledge(pool, entry_id, job_id)

    async def _add_dead_letter(self, pool: str, letter: dict[Any, Any]) -> None:
        with translated():
            await self._redis.xadd(
                dead_letter_key(pool), letter, maxlen=_DEAD_LETTERS_KEPT, approximate=True
            )

    async def _acknowledge(self, pool: str, entry_id: str, job_id: str) -> None:
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.xack(stream_key(pool), GROUP, entry_id)
            pipe.xdel(stream_key(pool), entry_id)
            pipe.delete(job_key(job_id))
            await pipe.execute()
