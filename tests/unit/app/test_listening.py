"""The sockets that the API listens on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from app.listening import CannotListen, bound_sockets, duplicated


@pytest.fixture
def end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_connections_are_accepted_through_every_duplicate(end):
    (bound,) = bound_sockets("127.0.0.1", 0, shared=False)
    sockets = [end.enter_context(closing(one)) for one in duplicated([bound])]
    assert len(sockets) > 16
    bound.listen()
    for one in sockets:
        end.enter_context(closing(socket.create_connection(bound.getsockname())))
        connection, _ = one.accept()
        connection.close()


def test_a_name_is_bound_at_all_its_addresses(end):
    sockets = [
        end.enter_context(closing(one)) for one in bound_sockets("localhost", 0, shared=True)
    ]
    assert "127.0.0.1" in {one.getsockname()[0] for one in sockets}


def test_an_address_that_is_taken_or_none_is_an_error_with_its_name(end):
    taken = end.enter_context(closing(socket.socket()))
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    for shared in (False, True):
        with pytest.raises(CannotListen, match=f"127.0.0.1 port {port}: .*in use"):
            bound_sockets("127.0.0.1", port, shared=shared)
    with pytest.raises(CannotListen, match=r"host\.invalid"):
        bound_sockets("host.invalid", 0, shared=False)
