"""Connections that find the primary again after a failover."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Sentinel
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, ReadOnlyError, ResponseError

from app.store.addresses import RedisAddress

_SENTINEL_TIMEOUT_S = 1.0
_DEMOTED = (ReadOnlyError, MasterDownError)
_DEMOTED_CODES = ("READONLY ", "MASTERDOWN ")
"""Errors of a server that is a replica, as a script's error has them within its text."""

Locate = Callable[[], Awaitable[tuple[str, int]]]
"""Finds host and port of the primary. Raises redis-py's `ConnectionError`."""


class DemotedServer(RedisConnectionError):
    """The server at the other end is a read-only replica."""


class PrimaryConnection(Connection):
    """Asks where the primary is whenever it connects, and leaves a server that is none.

    After a failover an open connection may lead to the old primary, which is a replica by then.
    Closing it is the cure: the name of the host, or a Sentinel, leads to the new one. Nothing was
    written, so the client sends its command again.
    """

    def __init__(self, *, locate: Locate | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._locate = locate

    async def _connect(self) -> None:
        if self._locate is not None:
            self.host, self.port = await self._locate()
        await super()._connect()  # type: ignore[no-untyped-call]

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Read a response. Raises `DemotedServer` if it is a replica's refusal."""
        try:
            return await super().read_response(*arguments, **options)
        except ResponseError as error:
            within = any(code in str(error) for code in _DEMOTED_CODES)
            if not within and not isinstance(error, _DEMOTED):
                raise
            await self.disconnect()
            raise DemotedServer(str(error)) from error


class PrimarySSLConnection(PrimaryConnection, SSLConnection):
    """The same, encrypted."""


_FOLLOWING: dict[type, type] = {Connection: PrimaryConnection, SSLConnection: PrimarySSLConnection}


def following(address: RedisAddress) -> dict[str, Any]:
    """Arguments for a pool of connections to the primary."""
    options = dict(address.options)
    kind = options.get("connection_class", Connection)
    options["connection_class"] = _FOLLOWING.get(kind, kind)
    if address.sentinels:
        options["locate"] = _locator(address)
    return options


def _locator(address: RedisAddress) -> Locate:
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        list(address.sentinels),
        sentinel_kwargs={
            "socket_timeout": _SENTINEL_TIMEOUT_S,
            "socket_connect_timeout": _SENTINEL_TIMEOUT_S,
            "retry": Retry(NoBackoff(), 0),
            **address.sentinel_options,
        },
    )

    async def locate() -> tuple[str, int]:
        host, port = await sentinel.discover_master(address.service)
        return str(host), int(port)

    return locate
