"""The fleet: which models are served, by which pools of workers, and who is alive."""

from __future__ import annotations

import time
from typing import Literal

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.domain.fingerprint import digest
from app.domain.scorer import ModelIdentity
from app.store.redis import PREFIX, now_ms, translated

_POOLS = PREFIX + "pools"
_WORKERS = PREFIX + "workers"
HEARTBEAT_S = 2.0
ALIVE_S = 7.0
"""A worker not heard of for this long is not counted as alive."""

WorkerState = Literal["loading", "ready", "draining", "failed"]


class Pool(Struct, frozen=True):
    """Workers that are interchangeable: the same model, prompts and embedder."""

    name: str
    """Digest of the identity; names the pool's job stream."""
    model: ModelIdentity
    announced_ms: int
    """When the model was last ready on some worker."""


class WorkerInfo(Struct, frozen=True):
    """One worker's last heartbeat."""

    id: str
    state: WorkerState
    detail: str
    """What it is doing, for a person: `loading the model`."""
    pool: str | None
    """The pool it serves; None until the model is loaded."""
    model: str
    in_flight: int = 0
    seen_ms: int = 0
    """When it was heard of last, by Redis's clock, as `Fleet.beat` stamps it."""


def pool_for(model: ModelIdentity) -> Pool:
    """The pool that serves a model, as of now."""
    announced_ms = int(time.time() * 1000)
    return Pool(name=digest("pool", model)[:16], model=model, announced_ms=announced_ms)


class Fleet:
    """Announcements of workers and what API processes make of them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def beat(self, worker: WorkerInfo, pool: Pool | None) -> None:
        """Tell that a worker is alive and, once its model is loaded, which pool it serves.

        The pool stays known when its workers are gone: its scores may be in the cache. It is told
        with every beat, so that a Redis that forgot everything learns it again.
        """
        with translated():
            seen = msgspec.structs.replace(worker, seen_ms=await now_ms(self._redis))
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(_WORKERS, worker.id, msgspec.json.encode(seen))
            if pool is not None:
                pipe.hset(_POOLS, pool.name, msgspec.json.encode(pool))
            await pipe.execute()

    async def leave(self, worker_id: str) -> None:
        """Tell that a worker has ended."""
        with translated():
            await self._redis.hdel(_WORKERS, worker_id)

    async def pools(self) -> list[Pool]:
        """All pools that were ever announced, the latest first."""
        with translated():
            stored = await self._redis.hvals(_POOLS)
        pools = [msgspec.json.decode(value, type=Pool) for value in stored]
        return sorted(pools, key=lambda pool: pool.announced_ms, reverse=True)

    async def workers(self) -> list[WorkerInfo]:
        """Workers that are alive. Those long gone are swept out on the way."""
        with translated():
            stored = await self._redis.hgetall(_WORKERS)
            now = await now_ms(self._redis)
        workers = [msgspec.json.decode(value, type=WorkerInfo) for value in stored.values()]
        gone = [w.id for w in workers if now - w.seen_ms > 60 * ALIVE_S * 1000]
        if gone:
            with translated():
                await self._redis.hdel(_WORKERS, *gone)
        return sorted((w for w in workers if now - w.seen_ms <= ALIVE_S * 1000), key=lambda w: w.id)
