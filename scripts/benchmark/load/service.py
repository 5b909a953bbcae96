"""A service with the fake engine, started for a measurement and ended after it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from scripts.serve.processes import Child, free_port, start_redis

_READY_S = 60.0


@contextlib.contextmanager
def running_service() -> Iterator[str]:
    """Redis, API and a worker with the fake engine; yields the API's address."""
    with tempfile.TemporaryDirectory(prefix="azimuth-load-") as name, contextlib.ExitStack() as end:
        folder, redis_port, port = Path(name), free_port(), free_port()
        redis = start_redis(redis_port, folder / "redis", folder / "redis.log", persist=False)
        end.callback(redis.kill)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AZIMUTH_")}
        environment = inherited | {
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "AZIMUTH_PORT": str(port),
            "AZIMUTH_ENGINE": "fake",
            "AZIMUTH_EMBEDDER": "hashing",
            "AZIMUTH_INDEX_DIR": str(folder / "indexes"),
            "AZIMUTH_LOG_LEVEL": "warning",
        }
        url = f"http://127.0.0.1:{port}"
        for part, module in (("api", "app.main"), ("worker", "workers.main")):
            child = Child(part, [sys.executable, "-m", module], environment, folder / f"{part}.log")
            end.callback(child.kill)
        _wait_for(f"{url}/readyz")
        yield url


@contextlib.contextmanager
def running_bare(answer: bytes) -> Iterator[str]:
    """The bare route with an answer; yields its address."""
    with tempfile.TemporaryDirectory(prefix="azimuth-load-") as name, contextlib.ExitStack() as end:
        file, port = Path(name) / "answer.json", free_port()
        file.write_bytes(answer)
        command = [sys.executable, "-m", "scripts.benchmark.load.bare", str(port), str(file)]
        end.callback(Child("bare", command, os.environ, Path(name) / "bare.log").kill)
        _wait_for(f"http://127.0.0.1:{port}/openapi.json")
        yield f"http://127.0.0.1:{port}"


def _wait_for(url: str) -> None:
    """Wait until an address answers 200. Raises `TimeoutError`."""
    end = time.monotonic() + _READY_S
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {_READY_S:g} s")
