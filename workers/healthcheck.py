"""Container health check: exit status 0 if this host has a live worker that has not failed."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterable

from app.settings import Settings
from app.store.fleet import Fleet, WorkerInfo
from app.store.redis import connect
from workers.heartbeat import host_of


def any_healthy(workers: Iterable[WorkerInfo], host: str) -> bool:
    """Return whether one of the live workers is on `host` and has not failed."""
    return any(host_of(worker.id) == host and worker.state != "failed" for worker in workers)


async def healthy(settings: Settings, host: str) -> bool:
    """Return whether a live worker of `host` loads, serves or drains."""
    redis = connect(settings.store)
    try:
        return any_healthy(await Fleet(redis).workers(), host)
    finally:
        await redis.aclose()


if __name__ == "__main__":
    sys.exit(not asyncio.run(healthy(Settings.from_environment(), socket.gethostname())))
