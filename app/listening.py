"""The sockets that the API listens on."""

from __future__ import annotations

import socket
import sys

_ACCEPTED_AT_ONCE = 32
"""uvloop accepts one connection of a socket in each turn of its loop, and one of each duplicate. A
busy turn takes 10 ms and more: a thousand clients that connect at once would wait many seconds."""


class CannotListen(OSError):
    """The address is taken, not of this machine, or not an address."""


def bound_sockets(host: str, port: int, *, shared: bool) -> list[socket.socket]:
    """Sockets bound to every address of a host, not listening yet.

    `shared`: other processes may listen on the same port. Raises `CannotListen`.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sockets.append(socket.socket(family, kind, protocol))
            _bind(sockets[-1], address, shared=shared)
    except OSError as error:
        for one in sockets:
            one.close()
        raise CannotListen(f"cannot listen on {host} port {port}: {error}") from error
    return sockets


def duplicated(sockets: list[socket.socket]) -> list[socket.socket]:
    """The sockets, and so many duplicates that bursts of connections are accepted at once."""
    return [*sockets, *(one.dup() for one in sockets for _ in range(_ACCEPTED_AT_ONCE - 1))]


def _bind(one: socket.socket, address: tuple[object, ...], *, shared: bool) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared and sys.platform == "linux":
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind(address)
