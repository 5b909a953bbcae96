"""A real Redis for the stores, empty for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from app.settings import StoreSettings
from app.store.queue import JobQueue
from app.store.redis import connect
from scripts.serve.processes import Child, free_port, start_redis
from tests.jobs import POOL


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory) -> Iterator[tuple[Child, int]]:
    port = free_port()
    child = start_redis(port, tmp_path_factory.mktemp("redis"), None, persist=False)
    yield child, port
    child.kill()


@pytest.fixture
async def redis(redis_server) -> AsyncIterator[Redis]:
    client = connect(StoreSettings(redis_url=f"redis://127.0.0.1:{redis_server[1]}/0"))
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def queue(redis) -> JobQueue:
    queue = JobQueue(redis, queue_limit=3, cache_ttl_s=100)
    await queue.open(POOL)
    return queue
