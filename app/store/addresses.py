"""Where Redis is: what a URL says about hosts, encryption and Sentinel."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from msgspec import Struct
from redis.asyncio.connection import parse_url

_SENTINEL_PORT = 26379
_FORM = "redis+sentinel://[user:password@]host[:port][,host[:port] …]/service[/database]"


class RedisAddress(Struct, frozen=True):
    """How to reach the primary."""

    options: dict[str, Any]
    """Arguments of redis-py's connections."""
    sentinels: tuple[tuple[str, int], ...] = ()
    """Hosts and ports of the Sentinels that know the primary; none where the URL names it."""
    service: str = ""
    """The primary's name at the Sentinels."""
    sentinel_options: dict[str, Any] = {}
    """Arguments of the connections to Sentinels."""


def redis_address(url: str) -> RedisAddress:
    """Read a URL: those of redis-py, or `redis+sentinel://` and `rediss+sentinel://`.

    Raises `ValueError`.
    """
    scheme = urlsplit(url).scheme
    if scheme in ("redis+sentinel", "rediss+sentinel"):
        return _with_sentinels(url)
    if scheme not in ("redis", "rediss", "unix"):
        raise ValueError(
            "a URL of Redis begins with redis://, rediss://, unix://, redis+sentinel:// or "
            "rediss+sentinel://"
        )
    return RedisAddress(dict(parse_url(url)))


def _with_sentinels(url: str) -> RedisAddress:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not hosts or not service or (database and not database.isdigit()):
        raise ValueError(f"the form of a URL with Sentinels is {_FORM}")
    sentinel_options: dict[str, Any] = {}
    query: list[tuple[str, str]] = []
    for name, value in parse_qsl(parts.query):
        if name in ("sentinel_username", "sentinel_password"):
            sentinel_options[name.removeprefix("sentinel_")] = value
        else:
            query.append((name, value))
    scheme = parts.scheme.removesuffix("+sentinel")
    # What holds for the primary is read by redis-py, from a URL with a host that is not used.
    netloc = f"{credentials}@primary" if credentials else "primary"
    plain = urlunsplit((scheme, netloc, f"/{database or 0}", urlencode(query), ""))
    options: dict[str, Any] = dict(parse_url(plain))
    if scheme == "rediss":
        sentinel_options |= {"ssl": True}
        sentinel_options |= {k: v for k, v in options.items() if k.startswith("ssl_")}
    return RedisAddress(
        options,
        tuple(_host_and_port(one) for one in hosts.split(",")),
        unquote(service),
        sentinel_options,
    )


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if parts.hostname is None:
        raise ValueError(f"{text!r} is not the address of a Sentinel: {_FORM}")
    return parts.hostname, parts.port or _SENTINEL_PORT
