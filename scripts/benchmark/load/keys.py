"""What API keys cost: cached `/select` of a service with keys and of one without, in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import median
from typing import Any

from msgspec import Struct

from app.domain.access import Grant
from app.settings import StoreSettings
from app.store.keys import KeyStore
from app.store.redis import connect
from scripts.benchmark.load.service import FAKE, running_service
from scripts.benchmark.load.tables import Cached, cached_select

_ROUNDS = 3
_MANY = 1_000_000_000


class WithKeys(Struct, frozen=True):
    """Rounds of both services, in turn, so that both see the same noise."""

    without: list[Cached]
    keyed: list[Cached]

    @property
    def throughput(self) -> float:
        """Requests a second with keys over those without; the median of the rounds."""
        rates = zip(self.keyed, self.without, strict=True)
        return median(a.measured.requests_per_s / b.measured.requests_per_s for a, b in rates)

    @property
    def cpu(self) -> float:
        """Processor time of a request with keys over that without; the median of the rounds."""
        return median(a.cpu_ms / b.cpu_ms for a, b in zip(self.keyed, self.without, strict=True))


def with_keys(bodies: Sequence[dict[str, Any]], clients: int, seconds: int) -> WithKeys:
    """Measure with a key that has limits of requests and of tokens, which nobody reaches."""
    without: list[Cached] = []
    keyed: list[Cached] = []
    settings = {**FAKE, "AZIMUTH_AUTH": "keys"}
    with running_service() as plain, running_service(settings=settings) as guarded:
        secret = asyncio.run(_secret(guarded.redis_url))
        headers = {"X-Api-Key": secret}
        for _ in range(_ROUNDS):
            without += cached_select(plain, bodies, [clients], seconds)
            keyed += cached_select(guarded, bodies, [clients], seconds, headers)
    return WithKeys(without, keyed)


async def _secret(redis_url: str) -> str:
    redis = connect(StoreSettings(redis_url=redis_url))
    try:
        grant = Grant("load", ("select",), _MANY, _MANY)
        return (await KeyStore(redis).create(grant))[1]
    finally:
        await redis.aclose()
