"""Services to break."""

from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy
from tests.faults.record import Record
from tests.support import Service, running_service


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory) -> Iterator[Service]:
    """Redis and API, shared by the tests of a module."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        running.start_api()
        yield running


@pytest.fixture
def api(shared_api: Service) -> Iterator[Service]:
    """Redis and API, for a test that starts workers; they end with it."""
    yield shared_api
    for child in shared_api.children:
        if child.name == "worker":
            child.kill()
    shared_api.redis.flushall()


@pytest.fixture
def record(tmp_path) -> Record:
    """Of the workers that are started with its settings."""
    return Record(tmp_path / "record")


@pytest.fixture
def proxy(api) -> Iterator[Proxy]:
    """Between a worker and the Redis of `api`."""
    between = Proxy(api.redis_port)
    yield between
    between.close()
