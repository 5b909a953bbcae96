"""Is this host's worker alive? Exit status 0 when its heartbeat is fresh and has not failed."""

from __future__ import annotations

import asyncio
import socket
import sys

from app.settings import Settings
from app.store.fleet import Fleet
from app.store.redis import connect


async def healthy(settings: Settings, host: str) -> bool:
    """Whether a live worker of this host serves, loads or drains."""
    redis = connect(settings.store)
    try:
        workers = await Fleet(redis).workers()
    finally:
        await redis.aclose()
    return any(w.id.startswith(f"{host}-") and w.state != "failed" for w in workers)


if __name__ == "__main__":
    sys.exit(not asyncio.run(healthy(Settings.from_environment(), socket.gethostname())))
