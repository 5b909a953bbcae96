"""The job queue: Redis Streams with leases, takeover, refusal when full, and dead letters.

Written here rather than taken from a library. taskiq-redis trims a full stream instead of refusing,
takes jobs over by idle time alone (so a long job runs twice) and has no dead letters; FastStream
leaves leases, joining of work in flight, refusal and dead letters to its user. What remains is a
few commands of redis-py, and these scripts, which make each step atomic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.domain.cells import Cell, CellResults, Unscored
from app.domain.features import SurfaceFeatures
from app.domain.job import Job
from app.domain.scenario import Presentation
from app.errors import QueueFull
from app.store.notices import CellNotice
from app.store.redis import (
    GROUP,
    NOTICES,
    dead_letter_key,
    inflight_key,
    job_key,
    score_set_key,
    stream_key,
    translated,
    view_key,
)

_RETRY_AFTER_S = 5
_JOB_GRACE_MS = 6 * 3_600_000
"""How long a job's body outlives its deadline, in case a worker works on it that long."""

# Deadlines go by Redis's clock alone: those of the hosts around it need not agree.
_NOW = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
"""

# KEYS: score set, in-flight, stream, new job, view.  ARGV: job id, job body, ms until its deadline,
# body TTL ms, queue limit, score set TTL s, scorer JSON, view JSON, job key prefix, surface JSON,
# field, name, ...
# Returns {state, depth, field...}: fields that are not scored yet and so must be waited for.
_SUBMIT = (
    _NOW
    + """
local ours = now + tonumber(ARGV[3])
local waiting, missing = {}, {}
for i = 11, #ARGV, 2 do
  local field = ARGV[i]
  if redis.call('HEXISTS', KEYS[1], 'cell:' .. field) == 0 then
    table.insert(waiting, field)
    local job = redis.call('HGET', KEYS[2], field)
    local key = job and (ARGV[9] .. job)
    if key and redis.call('HGET', key, 'stream') == KEYS[3] then
      -- A job of our own pool is on it: wait for that one, and let it live as long as we would
      -- wait. Another pool's is no help: an upgrade may have left it without a worker.
      local deadline = tonumber(redis.call('HGET', key, 'deadline'))
      if deadline < ours then
        redis.call('HSET', key, 'deadline', ours)
        if redis.call('PTTL', key) < tonumber(ARGV[4]) then
          redis.call('PEXPIRE', key, ARGV[4])
          redis.call('PEXPIRE', KEYS[2], ARGV[4])
        end
      end
    else
      table.insert(missing, field)
    end
  end
end
local depth = redis.call('XLEN', KEYS[3])
if #missing > 0 and depth >= tonumber(ARGV[5]) then
  return {'full', depth}
end
redis.call('HSET', KEYS[1], 'scorer', ARGV[7], 'surface', ARGV[10])
redis.call('SET', KEYS[5], ARGV[8], 'EX', ARGV[6])
for i = 11, #ARGV, 2 do
  redis.call('HSET', KEYS[1], 'asked:' .. ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[6])
if #missing > 0 then
  for _, field in ipairs(missing) do
    redis.call('HDEL', KEYS[1], 'fail:' .. field)
    redis.call('HSET', KEYS[2], field, ARGV[1])
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
  redis.call('HSET', KEYS[4], 'body', ARGV[2], 'deadline', ours, 'stream', KEYS[3],
             'fields', table.concat(missing, '\\n'), 'attempts', 0)
  redis.call('PEXPIRE', KEYS[4], ARGV[4])
  redis.call('XADD', KEYS[3], '*', 'job', ARGV[1])
  return {'queued', depth + 1, unpack(waiting)}
end
return {'joined', depth, unpack(waiting)}
"""
)

# KEYS: score set, in-flight.  ARGV: job, scorer JSON, TTL s, channel, then for each cell its kind
# (cell or fail), field, value, notice.
# The first score stays: a job delivered twice may draw others, after the first were told. A failure
# never replaces a score, and only the job that holds a marker clears it. All in one step: cells of
# one answer are never mixed with those of another.
_SETTLE = """
for i = 5, #ARGV, 4 do
  local kind, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if kind == 'cell' then
    redis.call('HSETNX', KEYS[1], 'cell:' .. field, value)
    redis.call('HDEL', KEYS[1], 'fail:' .. field)
  elseif redis.call('HEXISTS', KEYS[1], 'cell:' .. field) == 0 then
    redis.call('HSET', KEYS[1], 'fail:' .. field, value)
  end
  if redis.call('HGET', KEYS[2], field) == ARGV[1] then
    redis.call('HDEL', KEYS[2], field)
  end
end
redis.call('HSETNX', KEYS[1], 'scorer', ARGV[2])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
for i = 5, #ARGV, 4 do
  redis.call('PUBLISH', ARGV[4], ARGV[i + 3])
end
"""

# KEYS: stream.  ARGV: group, consumer, entry id...  Returns the entries that are still ours.
# Renewing resets their idle time, which is what takeover goes by.
_RENEW = """
local held = {}
for i = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if #pending > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    table.insert(held, ARGV[i])
  end
end
return held
"""


# KEYS: stream, job.  ARGV: group, consumer, entry id, whether the start is taken back.
# Only while the entry is ours: one that was taken over is for its new owner to see through.
_RELEASE = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end
if ARGV[4] == '1' and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], 'attempts', -1)
end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', 3600000, 'JUSTID')
return 1
"""

# KEYS: stream, job.  ARGV: group, consumer, entry id.
# Returns {attempts, ms until its deadline}, or nothing for a job that has ended or is another's.
_START = (
    _NOW
    + """
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return {} end
if redis.call('EXISTS', KEYS[2]) == 0 then return {} end
local deadline = tonumber(redis.call('HGET', KEYS[2], 'deadline'))
return {redis.call('HINCRBY', KEYS[2], 'attempts', 1), deadline - now}
"""
)


class Submission(Struct, frozen=True):
    """What became of a request for cells."""

    waiting: tuple[str, ...]
    """Fields that are not scored yet: queued now, or in flight for somebody else."""
    queued: bool
    """Whether a job was added for some of them."""
    depth: int
    """Jobs in the stream, waiting or under way."""


class ClaimedJob(Struct, frozen=True):
    """A job in the hands of one worker."""

    entry_id: str
    """Its entry in the stream."""
    job: Job
    """With only those cells that are still to be scored."""
    attempt: int
    """1 for the first start; until `JobQueue.start`, the one that it would be."""


class StartedJob(Struct, frozen=True):
    """A job whose start is counted."""

    claimed: ClaimedJob
    left_ms: int
    """Until its deadline; negative when that has passed."""


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
        self._submit = redis.register_script(_SUBMIT)
        self._settle = redis.register_script(_SETTLE)
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)
        self._start = redis.register_script(_START)
        self._looked_to: dict[str, str] = {}
        """Pool -> entry at which the next look for silent workers begins."""

    async def submit(
        self,
        job: Job,
        pool: str,
        *,
        within_ms: int,
        view: str,
        presentation: Presentation,
        surface: SurfaceFeatures,
    ) -> Submission:
        """Ask for a job's cells: take what is scored, join what is in flight, queue the rest.

        It is not begun later than `within_ms` from now, unless others who ask for the same wait
        longer. Atomic, and safe to repeat. Raises `QueueFull`.
        """
        ttl_ms = within_ms + _JOB_GRACE_MS
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
                    ttl_ms,
                    self._queue_limit,
                    # Whoever is told to poll must find the score set until the deadline.
                    max(self._cache_ttl_s, (ttl_ms - _JOB_GRACE_MS) // 1000 + 60),
                    msgspec.json.encode(job.scorer),
                    msgspec.json.encode(presentation),
                    job_key(""),
                    msgspec.json.encode(surface),
                    *fields,
                ],
            )
        state, depth, *waiting = answer
        if state == b"full":
            raise QueueFull(
                f"{depth} scenarios wait for the model, as many as may",
                retry_after_s=_RETRY_AFTER_S,
            )
        return Submission(
            waiting=tuple(field.decode() for field in waiting),
            queued=state == b"queued",
            depth=depth,
        )

    async def depth(self, pool: str) -> int:
        """Jobs of a pool that wait or are under way."""
        with translated():
            return int(await self._redis.xlen(stream_key(pool)))

    async def dead_letters(self, pool: str) -> int:
        """Jobs of a pool that were given up."""
        with translated():
            return int(await self._redis.xlen(dead_letter_key(pool)))

    async def open(self, pool: str) -> None:
        """Make sure that the pool's stream and consumer group are there."""
        with translated():
            try:
                await self._redis.xgroup_create(stream_key(pool), GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def read(
        self, pool: str, worker: str, *, count: int, block_ms: int
    ) -> list[tuple[str, str]]:
        """Wait for new jobs: (entry id, job id) each."""
        with translated():
            answer: Any = await self._reader.xreadgroup(
                GROUP, worker, {stream_key(pool): ">"}, count=count, block=block_ms
            )
        if not answer:
            return []
        # RESP3 answers with a mapping, RESP2 with pairs.
        streams = answer.values() if isinstance(answer, Mapping) else [e for _, e in answer]
        return _entries([entry for entries in streams for entry in _flat(entries)])

    async def take_over(
        self, pool: str, worker: str, *, count: int, lease_ms: int
    ) -> list[tuple[str, str]]:
        """Take jobs whose worker has been silent for longer than its lease.

        Redis looks at ten entries for each that is wanted: call it again and again, each call goes
        on where the last one stopped.
        """
        with translated():
            answer: Any = await self._redis.xautoclaim(
                stream_key(pool),
                GROUP,
                worker,
                min_idle_time=lease_ms,
                start_id=self._looked_to.get(pool, "0-0"),
                count=count,
            )
        self._looked_to[pool] = answer[0].decode()  # 0-0 after the last entry
        return _entries(answer[1])

    async def load(self, pool: str, entry_id: str, job_id: str) -> ClaimedJob | None:
        """Read a claimed job; None (and acknowledged) when it has ended.

        A job whose score set has got its cells meanwhile comes with the missing attributes only.
        """
        with translated():
            stored: Any = await self._redis.hgetall(job_key(job_id))
            if b"body" not in stored:
                await self._forget(pool, entry_id, job_id)
                return None
            try:
                job = msgspec.json.decode(stored[b"body"], type=Job)
            except msgspec.DecodeError as error:
                # Most likely from another version. Nobody here can say who waits for it.
                letter: Any = {
                    "why": f"unreadable: {error}",
                    "job": job_id,
                    "body": stored[b"body"],
                }
                await self._redis.xadd(dead_letter_key(pool), letter, maxlen=1000)
                await self._forget(pool, entry_id, job_id)
                return None
            fields = stored[b"fields"].decode().split("\n")
            scored = await self._redis.hmget(
                score_set_key(job.score_set), [f"cell:{field}" for field in fields]
            )
        missing = {f for f, cell in zip(fields, scored, strict=True) if cell is None}
        attributes = {f: a for f, a in job.attributes.items() if f in missing}
        choices = {f: c for f, c in job.choices.items() if f in missing}
        return ClaimedJob(
            entry_id=entry_id,
            job=msgspec.structs.replace(job, attributes=attributes, choices=choices),
            attempt=int(stored[b"attempts"]) + 1,
        )

    async def start(self, pool: str, worker: str, claimed: ClaimedJob) -> StartedJob | None:
        """Count the start of a job that is about to be begun, and see how long it may wait.

        None when it has ended meanwhile, or is another worker's by now.
        """
        with translated():
            found = await self._start(
                keys=[stream_key(pool), job_key(claimed.job.id)],
                args=[GROUP, worker, claimed.entry_id],
            )
        if not found:
            return None
        attempt, left_ms = found
        return StartedJob(msgspec.structs.replace(claimed, attempt=attempt), left_ms)

    async def renew(self, pool: str, worker: str, entry_ids: Sequence[str]) -> set[str]:
        """Keep the lease on jobs; returns those that are still this worker's."""
        if not entry_ids:
            return set()
        with translated():
            held = await self._renew(keys=[stream_key(pool)], args=[GROUP, worker, *entry_ids])
        return {entry.decode() for entry in held}

    async def release(
        self, pool: str, worker: str, entry_id: str, job_id: str, *, refund: bool = False
    ) -> bool:
        """Give a job back at once, for another worker to take over; False if it is not ours.

        With `refund` its start, called off for no fault of the job's, does not count.
        """
        with translated():
            released = await self._release(
                keys=[stream_key(pool), job_key(job_id)],
                args=[GROUP, worker, entry_id, int(refund)],
            )
        return bool(released)

    async def settle(self, job: Job, results: CellResults) -> None:
        """Save cells, or why they have no scores, and tell those who wait for them.

        Atomic. A cell that has been scored already stays as it is; one without scores is asked
        for anew next time.
        """
        cells: list[str | bytes] = []
        for field, result in results.items():
            kind = "cell" if isinstance(result, Cell) else "fail"
            notice = CellNotice(score_set=job.score_set, field=field)
            cells += [kind, field, msgspec.json.encode(result), msgspec.json.encode(notice)]
        with translated():
            await self._settle(
                keys=[score_set_key(job.score_set), inflight_key(job.score_set)],
                args=[
                    job.id,
                    msgspec.json.encode(job.scorer),
                    self._cache_ttl_s,
                    NOTICES,
                    *cells,
                ],
            )

    async def finish(self, pool: str, claimed: ClaimedJob) -> None:
        """Acknowledge a job. Call it only when all of its cells are saved."""
        with translated():
            await self._forget(pool, claimed.entry_id, claimed.job.id)

    async def bury(
        self, pool: str, claimed: ClaimedJob, why: str, failures: Mapping[str, Unscored]
    ) -> None:
        """Give a job up: tell its callers, keep it in the dead-letter stream, acknowledge it."""
        await self.settle(claimed.job, failures)
        with translated():
            await self._redis.xadd(
                dead_letter_key(pool),
                {
                    "why": why,
                    "job": claimed.job.id,
                    "request_id": claimed.job.request_id,
                    "attempts": claimed.attempt,
                    "body": msgspec.json.encode(claimed.job),
                },
                maxlen=1000,
                approximate=True,
            )
        await self.finish(pool, claimed)

    async def _forget(self, pool: str, entry_id: str, job_id: str) -> None:
        pipe = self._redis.pipeline(transaction=True)
        pipe.xack(stream_key(pool), GROUP, entry_id)
        pipe.xdel(stream_key(pool), entry_id)
        pipe.delete(job_key(job_id))
        await pipe.execute()


def _flat(entries: Any) -> list[Any]:
    # RESP3 nests the entries of a stream one list deeper.
    return entries[0] if entries and isinstance(entries[0], list) else entries


def _entries(raw: Sequence[Any]) -> list[tuple[str, str]]:
    return [(entry.decode(), values[b"job"].decode()) for entry, values in raw if values]
