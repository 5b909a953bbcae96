"""Hidden states by candidate, on a real Redis."""

from __future__ import annotations

import numpy as np
import pytest
from redis.asyncio import Redis

from app.domain.cells import StateReading
from app.store.state_readings import StateReadings


@pytest.fixture
def readings(redis: Redis) -> StateReadings:
    return StateReadings(redis, ttl_s=60)


def reading(number: float) -> StateReading:
    return StateReading.of(np.full((2, 3), number))


async def test_what_was_put_is_found_by_its_digest(readings):
    await readings.put({"a": reading(1), "b": reading(2)})
    assert await readings.get(["b", "other", "a"]) == [reading(2), None, reading(1)]
    assert await readings.get([]) == []


async def test_each_reading_expires_after_the_time_of_the_cache(readings, redis):
    await readings.put({"a": reading(1)})
    assert 0 < await redis.ttl("azimuth:states:a") <= 60
