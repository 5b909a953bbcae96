"""Connections to Redis are handed out in order, and none gets lost."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.settings import StoreSettings
from app.store.redis import connect


@pytest.fixture
async def two(redis_server):
    """A client with two connections."""
    client = connect(
        StoreSettings(
            redis_url=f"redis://127.0.0.1:{redis_server[1]}/0",
            redis_connections=2,
            redis_connection_wait_s=0.3,
        )
    )
    yield client
    await client.aclose()


async def test_callers_get_their_turn_in_the_order_in_which_they_asked(two):
    done: list[int] = []

    async def call(number: int) -> None:
        await two.set("n", number)
        done.append(number)

    await asyncio.gather(*(call(number) for number in range(200)))
    # Two are under way at a time, so a neighbour may finish first, but nobody is passed by many.
    assert max(abs(number - place) for place, number in enumerate(done)) <= 4


async def test_a_call_that_waits_too_long_fails_and_leaves_the_pool_whole(two):
    pool = two.connection_pool
    held = [await pool.get_connection() for _ in range(2)]
    with pytest.raises(RedisConnectionError, match="no connection is free"):
        await two.ping()
    for connection in held:
        await pool.release(connection)
    assert await asyncio.gather(*(two.ping() for _ in range(20))) == [True] * 20


async def test_a_cancelled_call_gives_its_turn_back(two):
    pool = two.connection_pool
    held = [await pool.get_connection() for _ in range(2)]
    waiting = asyncio.create_task(two.ping())
    await asyncio.sleep(0.05)
    waiting.cancel()
    for connection in held:
        await pool.release(connection)
    assert await asyncio.gather(*(two.ping() for _ in range(20))) == [True] * 20


async def test_connections_that_cannot_be_made_use_up_no_turns():
    away = connect(StoreSettings(redis_url="redis://127.0.0.1:1/0", redis_connections=2))
    for _ in range(5):
        with pytest.raises(RedisConnectionError, match="connecting to"):
            await away.ping()
    await away.aclose()
