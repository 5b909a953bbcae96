"""Whether Azimuth can use the Redis that it is given, checked when a process starts."""

from __future__ import annotations

import logging
from typing import Any

from redis.exceptions import RedisError

from app.settings import InvalidSetting, StoreSettings
from app.store.redis import connect

_log = logging.getLogger(__name__)
_OLDEST = (6, 2)
_CLUSTER = (
    "AZIMUTH_REDIS_URL: Redis Cluster cannot be used, because one step of Azimuth changes several "
    "keys, which a cluster spreads over its nodes. Give the URL of a Redis outside of a cluster; "
    "with replicas, one of the form redis+sentinel://"
)


async def check_redis(settings: StoreSettings) -> None:
    """Raise `InvalidSetting` for a server that cannot be used.

    A server that is away, or that does not let Azimuth ask, is not refused: it is waited for.
    """
    try:
        redis = connect(settings)
    except ValueError as error:
        raise InvalidSetting(f"AZIMUTH_REDIS_URL: {error}") from None  # it may hold a password
    try:
        info: dict[str, Any] = await redis.info()
    except (RedisError, OSError) as error:
        _log.warning("Redis does not answer yet: %s", error)
        return
    finally:
        await redis.aclose()
    if info.get("cluster_enabled"):
        raise InvalidSetting(_CLUSTER)
    version = str(info.get("redis_version", ""))
    if not _is_new_enough(version):
        raise InvalidSetting(f"AZIMUTH_REDIS_URL: Redis 6.2 or newer is needed, not {version}")
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory") and policy != "noeviction":
        _log.warning(
            "Redis drops keys when it is full (maxmemory-policy %s): queued jobs and banks may get "
            "lost. Set maxmemory-policy to noeviction",
            policy,
        )


def _is_new_enough(version: str) -> bool:
    parts = version.split(".")[:2]
    if not all(part.isdigit() for part in parts):
        return True  # not Redis's own numbering: it shows what it can do
    return tuple(map(int, parts)) >= _OLDEST
