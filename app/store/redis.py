"""The connection to Redis, the translation of its errors, and the names of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.errors import StoreUnavailable
from app.settings import StoreSettings
from app.store.addresses import redis_address
from app.store.connections import FairConnectionPool
from app.store.primary import DemotedServer, following

PREFIX = "azimuth:"
NOTICES = PREFIX + "notices"
"""Channel of the notices in `app.store.notices`."""
_REFUSALS = (OutOfMemoryError, ReadOnlyError)
_REFUSAL_CODES = ("OOM ", "MISCONF ", "READONLY ", "NOREPLICAS ", "MASTERDOWN ")
_PASSING_CODES = ("BUSY ", "UNBLOCKED ", "LOADING ", "TRYAGAIN ")
"""Errors that pass by themselves: a script runs for too long, a primary was demoted."""
_CLUSTER_CODES = ("MOVED ", "ASK ", "CROSSSLOT ", "CLUSTERDOWN ", "in cluster mode")
GROUP = "workers"
"""Consumer group of every job stream."""


_CONNECTION: dict[str, Any] = {
    "socket_connect_timeout": 2.0,
    "socket_timeout": 10.0,
    "socket_keepalive": True,
    "health_check_interval": 15,
    "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2),
    "retry_on_error": [RedisConnectionError],
}


def score_set_key(score_set: str) -> str:
    """Hash of one score set: its cells, failures and scorer."""
    return f"{PREFIX}ss:{score_set}"


def view_key(score_set: str, view: str) -> str:
    """How one caller ordered the candidates of a score set."""
    return f"{PREFIX}view:{score_set}:{view}"


def inflight_key(score_set: str) -> str:
    """Hash of cell field -> id of the job that is scoring it."""
    return f"{PREFIX}inflight:{score_set}"


def job_key(job_id: str) -> str:
    """Hash of one job: body, fields, deadline, attempts."""
    return f"{PREFIX}job:{job_id}"


def stream_key(pool: str) -> str:
    """Stream of job ids for one pool of workers."""
    return f"{PREFIX}jobs:{pool}"


def dead_letter_key(pool: str) -> str:
    """Stream of jobs that were given up."""
    return f"{PREFIX}dead:{pool}"


def key_requests_key(key_id: str) -> str:
    """Requests of an API key in the present minute."""
    return f"{PREFIX}key-requests:{key_id}"


def key_tokens_key(key_id: str) -> str:
    """Tokens that judges read and wrote for an API key in the present minute."""
    return f"{PREFIX}key-tokens:{key_id}"


def connect(settings: StoreSettings) -> Redis:
    """A client with bounded waits: no call hangs when Redis is unavailable.

    Calls beyond `redis_connections` wait for a free connection, so that a burst of requests is
    served late instead of refused.
    """
    pool = FairConnectionPool(
        max_connections=settings.redis_connections,
        timeout=settings.redis_connection_wait_s,
        **_CONNECTION,
        **following(redis_address(settings.redis_url)),
    )
    return Redis.from_pool(pool)


def connect_for_listening(settings: StoreSettings) -> Redis:
    """A client for subscriptions and blocking reads, which hold their connection while they wait.

    They have connections of their own: in the pool of `connect` they would block short calls.
    """
    options = following(redis_address(settings.redis_url))
    return Redis.from_pool(ConnectionPool(**_CONNECTION, **options))


def as_text(value: bytes | str) -> str:
    """A Redis string as text; the client's types allow both."""
    return value if isinstance(value, str) else value.decode()


async def now_ms(redis: Redis) -> int:
    """Redis's clock, Unix time in milliseconds: the clocks of other hosts may differ."""
    seconds, microseconds = await redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the client and of Redis into `StoreUnavailable`, but not those of a script."""
    try:
        yield
    except DemotedServer as error:
        raise StoreUnavailable("Redis is refusing writes: it is a read-only replica") from error
    except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
        raise StoreUnavailable(f"Redis refuses Azimuth's user or password: {error}") from error
    except (RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError) as error:
        raise StoreUnavailable("Redis does not answer") from error
    except ResponseError as error:
        if "NOGROUP" in str(error):
            # Redis was restarted without its data: streams and their groups are gone.
            raise StoreUnavailable("Redis has lost the job stream") from error
        message = str(error)
        if isinstance(error, _REFUSALS) or any(code in message for code in _REFUSAL_CODES):
            raise StoreUnavailable(f"Redis is refusing writes: {message}") from error
        if any(code in message for code in _CLUSTER_CODES):
            raise StoreUnavailable("Redis Cluster cannot be used") from error
        if any(code in message for code in _PASSING_CODES):
            raise StoreUnavailable(f"Redis is unavailable: {message}") from error
        raise
    except RedisError as error:
        raise StoreUnavailable(f"Redis answered with an error: {error}") from error
