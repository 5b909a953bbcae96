"""The fleet: which models are served, by which pools of workers, and which workers are alive."""

from __future__ import annotations

import time
from typing import Literal

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.domain.fingerprint import digest
from app.domain.scorer import ModelIdentity
from app.store.memory import Memory
from app.store.redis import PREFIX, dead_letter_key, now_ms, stream_key, translated

_POOLS = PREFIX + "pools"
_WORKERS = PREFIX + "workers"
HEARTBEAT_S = 2.0
_RECENT_S = 0.5
ALIVE_S = 7.0
"""A worker without a heartbeat for this long does not count as alive."""
_WORKER_KEPT_S = 60 * ALIVE_S
_POOL_KEPT_S = 2_592_000
"""How long a pool without workers is known: as long as its scores are kept by default."""

WorkerState = Literal["loading", "ready", "draining", "failed"]


class Pool(Struct, frozen=True):
    """Workers that are interchangeable: the same model, prompts and embedder."""

    name: str
    """Digest of the identity; names the pool's job stream."""
    model: ModelIdentity
    announced_ms: int
    """When the model was last ready on some worker."""
    seen_ms: int = 0
    """Last heartbeat of one of its workers, by Redis's clock; `Fleet.beat` sets it."""


class WorkerInfo(Struct, frozen=True):
    """One worker's last heartbeat."""

    id: str
    state: WorkerState
    detail: str
    """What it does, for people: `loading the model`."""
    pool: str | None
    """The pool it serves; None until the model is loaded."""
    model: str
    in_flight: int = 0
    engine: str = ""
    """What runs the model; empty for a worker of an older version."""
    seen_ms: int = 0
    """When the heartbeat came, by Redis's clock; `Fleet.beat` sets it."""


class FleetSnapshot(Struct, frozen=True):
    """The fleet at one moment."""

    workers: list[WorkerInfo]
    """Those alive, sorted by id."""
    pools: list[Pool]
    """Those known, the latest announced first."""

    def serving(self, pool: Pool) -> list[WorkerInfo]:
        """The live workers of a pool."""
        return [worker for worker in self.workers if worker.pool == pool.name]


def pool_for(model: ModelIdentity) -> Pool:
    """The pool that serves a model, announced now."""
    announced_ms = int(time.time() * 1000)
    return Pool(name=digest("pool", model)[:16], model=model, announced_ms=announced_ms)


class Fleet:
    """Heartbeats of workers, as API processes see them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._recent: Memory[FleetSnapshot] = Memory(max_age_s=_RECENT_S)

    async def beat(self, worker: WorkerInfo, pool: Pool | None) -> None:
        """Store a worker's heartbeat and, once its model is loaded, the pool it serves.

        A pool stays known when its workers have ended: its scores may be in the cache. It is stored
        with every heartbeat, so that a Redis that lost its data learns it again.
        """
        with translated():
            now = await now_ms(self._redis)
            seen = msgspec.structs.replace(worker, seen_ms=now)
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(_WORKERS, worker.id, msgspec.json.encode(seen))
            if pool is not None:
                known = msgspec.structs.replace(pool, seen_ms=now)
                pipe.hset(_POOLS, pool.name, msgspec.json.encode(known))
            await pipe.execute()

    async def leave(self, worker_id: str) -> None:
        """Remove a worker that ends."""
        with translated():
            await self._redis.hdel(_WORKERS, worker_id)

    async def snapshot(self) -> FleetSnapshot:
        """Live workers and known pools, in one round trip. Old entries are deleted."""
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            pipe.time()
            pipe.hvals(_WORKERS)
            pipe.hvals(_POOLS)
            (seconds, _), stored_workers, stored_pools = await pipe.execute()
        now = int(seconds) * 1000
        workers = [msgspec.json.decode(value, type=WorkerInfo) for value in stored_workers]
        pools = [msgspec.json.decode(value, type=Pool) for value in stored_pools]
        old_workers = {w.id for w in workers if now - w.seen_ms > _WORKER_KEPT_S * 1000}
        old_pools = {p.name for p in pools if now - _last_seen(p) > _POOL_KEPT_S * 1000}
        await self._delete(old_workers, old_pools)
        return FleetSnapshot(
            workers=sorted(
                (w for w in workers if now - w.seen_ms <= ALIVE_S * 1000), key=lambda w: w.id
            ),
            pools=sorted(
                (p for p in pools if p.name not in old_pools),
                key=lambda p: p.announced_ms,
                reverse=True,
            ),
        )

    async def recent(self) -> FleetSnapshot:
        """A snapshot that may be up to half a second old."""
        known = await self._recent.get("", self.snapshot)
        assert known is not None
        return known

    async def pools(self) -> list[Pool]:
        """All known pools, the latest announced first."""
        return (await self.snapshot()).pools

    async def workers(self) -> list[WorkerInfo]:
        """Workers that are alive."""
        return (await self.snapshot()).workers

    async def _delete(self, workers: set[str], pools: set[str]) -> None:
        if not workers and not pools:
            return
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            if workers:
                pipe.hdel(_WORKERS, *workers)
            for pool in pools:
                pipe.hdel(_POOLS, pool)
                pipe.unlink(stream_key(pool), dead_letter_key(pool))
            await pipe.execute()


def _last_seen(pool: Pool) -> int:
    """Last heartbeat; the announcement for a pool stored by a version without heartbeats."""
    return pool.seen_ms or pool.announced_ms
