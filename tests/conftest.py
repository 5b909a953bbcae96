"""Fixtures shared by all tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from app.settings import Settings
from tests.engines import SMALL_MODEL, RunningEngine, Shared, VllmServe, small_model_settings
from tests.support import Service, running_service, wait_until
from workers.main import run_worker

# How long an example takes says something about the machine, not about the code.
hypothesis.settings.register_profile("azimuth", deadline=None)
hypothesis.settings.load_profile("azimuth")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Benchmark data next to the checkout. Developers have it, users do not."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("the benchmark data (../shared/data) is not available")
    return data


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Redis only, for tests that start, break and restart the other processes."""
    with running_service(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def azimuth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Redis, API and a worker with the fake engine, shared by the tests of a module."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        running.start_api()
        running.start_worker()
        yield running


@pytest.fixture(scope="session")
def small_model() -> Path:
    """Folder of the small model; scripts/test prepares it."""
    if not (SMALL_MODEL / "model.safetensors").exists():
        pytest.skip("the small model is missing: run ./scripts/test")
    return SMALL_MODEL


@pytest.fixture(scope="session")
def vllm_engine(small_model: Path) -> Iterator[RunningEngine]:
    """The small model in vLLM, loaded once per test run."""
    from workers.engines.vllm import VllmEngine

    running = RunningEngine(VllmEngine(small_model_settings()))
    yield running
    running.close()


@pytest.fixture(scope="module")
def vllm_serve(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServe]:
    """The small model behind vLLM's own server, for the OpenAI engine."""
    serve = VllmServe(tmp_path_factory.mktemp("serve"))
    try:
        serve.wait()
        yield serve
    finally:
        serve.close()


@pytest.fixture(scope="session")
def real_azimuth(
    vllm_engine: RunningEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Redis, API, and a worker with the real model and the real embedder."""
    with running_service(tmp_path_factory.mktemp("real")) as running:
        running.start_api(AZIMUTH_WAIT_S="600")  # slow processors: wait rather than answer 202
        settings = Settings.from_environment(
            {
                "REDIS_URL": running.redis_url,
                "AZIMUTH_WORKER_LEASE_S": "5",
                "AZIMUTH_INDEX_DIR": str(running.folder / "indexes"),
                # A busy processor may take minutes for a batch of long prompts.
                "AZIMUTH_WORKER_CANARY_TIMEOUT_S": "600",
            }
        )
        thread = vllm_engine.thread
        stop = asyncio.Event()
        worker = asyncio.run_coroutine_threadsafe(
            run_worker(settings, stop, Shared(vllm_engine)), thread.loop
        )
        wait_until(lambda: worker.done() or running.ready(), timeout_s=120, what="the worker")
        yield running
        thread.loop.call_soon_threadsafe(stop.set)
        worker.result(60)
