"""Calls of a script that are made at the same time share a round trip, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from app.settings import StoreSettings
from app.store.batching import BatchedScript
from app.store.redis import connect

KEYS = ["requests", "tokens"]


def take(limit: int) -> list[int]:
    """Arguments of a script that counts: one request, no limit of tokens, a minute."""
    return [limit, -1, 60_000]


async def round_trips(redis) -> int:
    """Reads that Redis has made from its clients' sockets."""
    return int((await redis.info("stats"))["total_reads_processed"])


async def test_calls_made_at_the_same_time_share_a_round_trip_and_get_their_own_answers(redis):
    counting = BatchedScript(redis, "take_request")
    await counting(KEYS, take(1000))
    before = await round_trips(redis)
    answers = await asyncio.gather(*(counting(KEYS, take(1000)) for _ in range(50)))
    assert await round_trips(redis) - before <= 3
    assert [answer[1] for answer in answers] == list(range(2, 52))


async def test_a_call_that_fails_does_not_fail_the_others(redis):
    counting = BatchedScript(redis, "take_request")
    await redis.set("wrong", "a text")
    bad = counting(["wrong", "tokens"], take(10))
    good = counting(KEYS, take(10))
    failure, answer = await asyncio.gather(bad, good, return_exceptions=True)
    assert isinstance(failure, ResponseError)
    assert answer[0] == 1


async def test_a_script_that_redis_has_lost_is_loaded_again(redis):
    counting = BatchedScript(redis, "take_request")
    await redis.script_flush()
    answers = await asyncio.gather(*(counting(KEYS, take(10)) for _ in range(3)))
    assert sorted(answer[1] for answer in answers) == [1, 2, 3]


async def test_every_call_learns_that_redis_is_away():
    away = connect(StoreSettings(redis_url="redis://127.0.0.1:1/0"))
    counting = BatchedScript(away, "take_request")
    calls = [counting(KEYS, take(10)) for _ in range(3)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [RedisConnectionError] * 3
    await away.aclose()


async def test_a_caller_that_leaves_does_not_disturb_the_others(redis):
    counting = BatchedScript(redis, "take_request")
    calls = [asyncio.create_task(counting(KEYS, take(10))) for _ in range(3)]
    await asyncio.sleep(0)
    calls[0].cancel()
    answers = await asyncio.gather(*calls[1:])
    assert [answer[0] for answer in answers] == [1, 1]
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
