"""What API keys have used of their limits, in windows of one minute.

The library `limits` takes a round trip for each limit, and one more for what is left of it. This is
one script, of a single round trip.
"""

from __future__ import annotations

import math

from msgspec import Struct
from redis.asyncio import Redis

from app.domain.access import ApiKey
from app.store.batching import BatchedScript
from app.store.redis import key_requests_key, key_tokens_key, translated

WINDOW_S = 60


class Allowance(Struct, frozen=True):
    """One limit of a key, and what is left of it."""

    unit: str
    """`requests` or `tokens`."""
    limit: int
    used: int
    reset_s: int
    """Until all of it can be used again."""

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class Taken(Struct, frozen=True):
    """Whether a request may proceed, and the limits that apply to it."""

    allowed: bool
    allowances: tuple[Allowance, ...]


class KeyUsage:
    """Counts requests. Tokens are counted by `CellWriter`, once they are known."""

    def __init__(self, redis: Redis, *, window_s: float = WINDOW_S) -> None:
        self._take = BatchedScript(redis, "take_request")
        self._window_s = window_s

    async def take(self, key: ApiKey, *, costs_tokens: bool) -> Taken:
        """Count a request if no limit is reached; that of tokens applies if it `costs_tokens`."""
        limits = {
            "requests": key.grant.requests_per_minute,
            "tokens": key.grant.tokens_per_minute if costs_tokens else None,
        }
        if all(limit is None for limit in limits.values()):
            return Taken(True, ())
        with translated():
            allowed, *counts = await self._take(
                keys=[key_requests_key(key.id), key_tokens_key(key.id)],
                args=[
                    *(-1 if limit is None else limit for limit in limits.values()),
                    int(self._window_s * 1000),
                ],
            )
        uses = zip(limits.items(), counts[::2], counts[1::2], strict=True)
        return Taken(
            bool(allowed),
            tuple(
                Allowance(unit, limit, used, math.ceil(left_ms / 1000))
                for (unit, limit), used, left_ms in uses
                if limit is not None
            ),
        )
