"""Errors of Redis that pass by themselves are unavailability, not bugs."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import StoreUnavailable
from app.settings import StoreSettings
from app.store.redis import connect, connect_for_listening, translated


async def test_a_blocked_read_that_a_failover_ends_is_unavailability(redis, redis_server):
    """A demoted primary unblocks its clients with an error."""
    reader = connect_for_listening(StoreSettings(redis_url=f"redis://127.0.0.1:{redis_server[1]}"))

    async def read() -> None:
        with translated():
            await reader.xread({"nothing": "$"}, block=10_000)

    reading = asyncio.create_task(read())
    blocked: list[str] = []
    async with asyncio.timeout(5):
        while not blocked:
            clients = await redis.client_list()
            blocked = [c["id"] for c in clients if "b" in c["flags"]]
            await asyncio.sleep(0.01)
    await redis.client_unblock(int(blocked[0]), error=True)
    with pytest.raises(StoreUnavailable, match="UNBLOCKED"):
        await reading
    await reader.aclose()


async def test_a_redis_that_a_script_keeps_busy_is_unavailable(redis, redis_server):
    await redis.config_set("lua-time-limit", 20)
    other = connect(StoreSettings(redis_url=f"redis://127.0.0.1:{redis_server[1]}"))
    running = asyncio.create_task(other.eval("while true do end", 0))
    await asyncio.sleep(0.2)
    try:
        with pytest.raises(StoreUnavailable, match="BUSY"), translated():
            await redis.get("x")
    finally:
        await redis.script_kill()
        await asyncio.gather(running, return_exceptions=True)
        await redis.config_set("lua-time-limit", 5000)
        await other.aclose()
