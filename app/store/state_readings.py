"""Hidden states by candidate, in Redis: one candidate may be in many lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from app.domain.cells import StateReading
from app.store.redis import PREFIX, translated

_KEY = PREFIX + "states:"
_decoder = msgspec.msgpack.Decoder(StateReading)


class StateReadings:
    """Readings under the hash of question, candidate and scorer, with the owner in front."""

    def __init__(self, redis: Redis, *, ttl_s: int) -> None:
        self._redis = redis
        self._ttl_s = ttl_s

    async def get(self, digests: Sequence[str]) -> list[StateReading | None]:
        """The reading of each digest, in one round trip; None where there is none."""
        if not digests:
            return []
        with translated():
            stored: Any = await self._redis.mget([_KEY + digest for digest in digests])
        return [_decoder.decode(value) if value else None for value in stored]

    async def put(self, readings: Mapping[str, StateReading]) -> None:
        """Keep readings by their digests, in one round trip."""
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            for digest, reading in readings.items():
                pipe.set(_KEY + digest, msgspec.msgpack.encode(reading), ex=self._ttl_s)
            await pipe.execute()
