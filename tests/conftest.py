"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Service, running_service

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Benchmark data beside the checkout; developers have it, users do not."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("the benchmark data is not beside this checkout")
    return data


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Redis alone, for tests that start, break and restart the rest."""
    with running_service(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def azimuth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Redis, API and a worker with the fake engine, shared by the tests of a module."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        running.start_api()
        running.start_worker()
        yield running
