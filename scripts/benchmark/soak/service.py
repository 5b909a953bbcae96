"""The processes of a soak: started, killed, and started again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import redis

from scripts.serve.processes import Child, free_port, start_redis

Start = Callable[[str, str, Mapping[str, str], Path], Child]
"""Starts a module as a process: name, module, environment, log."""
_READY_S = 120.0
_HANG_S = 2.0
_SETTINGS = {
    "AZIMUTH_ENGINE": "fake",
    "AZIMUTH_EMBEDDER": "hashing",
    "AZIMUTH_LOG_LEVEL": "warning",
    "AZIMUTH_FAKE_NOISE": "0",
    "AZIMUTH_WORKER_LEASE_S": "2",
    "AZIMUTH_WORKER_TAKE_OVER_S": "0.3",
    # Every kill counts as an attempt of the jobs under way, and here the jobs are not to blame.
    "AZIMUTH_WORKER_MAX_ATTEMPTS": "1000",
}


def start_module(name: str, module: str, environment: Mapping[str, str], log: Path) -> Child:
    """Start a module with this interpreter."""
    return Child(name, [sys.executable, "-m", module], environment, log)


class Breakable:
    """Redis, an API and workers."""

    def __init__(
        self, folder: Path, labels: Path, *, workers: int, latency_s: float, start: Start
    ) -> None:
        self.folder, self.record = folder, folder / "record"
        self.kills: Counter[str] = Counter()
        self.port, self._redis_port = free_port(), free_port()
        self._start = start
        self._environment = (
            {k: v for k, v in os.environ.items() if not k.startswith("AZIMUTH_")}
            | _SETTINGS
            | {
                "REDIS_URL": f"redis://127.0.0.1:{self._redis_port}/0",
                "AZIMUTH_PORT": str(self.port),
                "AZIMUTH_FAKE_LABELS": str(labels),
                "AZIMUTH_FAKE_LATENCY_S": str(latency_s),
                "AZIMUTH_FAKE_RECORD": str(self.record),
            }
        )
        self._redis = self._started_redis()
        modules = {"api": "app.main"} | {f"worker-{n}": "workers.main" for n in range(workers)}
        self._modules = modules
        self._children = {name: self._started(name) for name in modules}

    @property
    def url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self) -> None:
        """Wait until the service is ready. Raises `TimeoutError`."""
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            self.mend()
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"the service is not ready after {_READY_S:g} s: see {self.folder}")

    def break_something(self, rng: random.Random) -> None:
        """Kill a worker, the API or Redis, or have Redis hang for a moment."""
        kind = rng.choices(["worker", "api", "redis", "redis hangs"], [5, 2, 2, 1])[0]
        self.kills[kind] += 1
        if kind == "redis hangs":
            os.kill(self._redis.pid, signal.SIGSTOP)
            time.sleep(_HANG_S)
            os.kill(self._redis.pid, signal.SIGCONT)
        elif kind == "redis":
            self._redis.kill()
            self._redis = self._started_redis()
        else:
            names = [name for name in self._modules if name.startswith(kind)]
            self._children[rng.choice(names)].kill()
        self.mend()

    def mend(self) -> None:
        """Start again what has ended."""
        for name, child in self._children.items():
            if not child.alive():
                child.kill()  # and what it left behind
                self._children[name] = self._started(name)

    def left(self) -> dict[str, int]:
        """Keys of jobs, markers of cells in flight, and dead letters: 0 each when all is done."""
        with redis.Redis(port=self._redis_port, decode_responses=True) as client:
            kinds = ("job", "inflight", "dead")
            return {kind: len(list(client.scan_iter(f"azimuth:{kind}:*"))) for kind in kinds}

    def close(self) -> None:
        """End all processes."""
        for child in self._children.values():
            child.kill()
        self._redis.kill()

    def _started(self, name: str) -> Child:
        log = self.folder / f"{name}.log"
        return self._start(name, self._modules[name], self._environment, log)

    def _started_redis(self) -> Child:
        log = self.folder / "redis.log"
        return start_redis(self._redis_port, self.folder / "redis", log, persist=True)
