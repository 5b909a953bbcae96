"""A service with the fake engine, started for a measurement and ended after it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.serve.processes import Child, free_port, start_redis

FAKE = {"AZIMUTH_ENGINE": "fake", "AZIMUTH_EMBEDDER": "hashing"}
"""Settings of the fake engine."""
_READY_S = 600.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs."""

    url: str
    redis_url: str
    api: Child
    worker: Child
    api_ready_s: float
    """From the start of the API process to its first answer."""
    worker_ready_s: float
    """From the start of the worker to a model that answers."""

    def api_cpu_s(self) -> float:
        """Processor time that the API processes have taken so far."""
        return sum(_cpu_s(pid) for pid in tree(self.api.pid))


@contextlib.contextmanager
def running_service(
    processes: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Redis, API and a worker, with the fake engine unless `settings` name another."""
    with tempfile.TemporaryDirectory(prefix="azimuth-load-") as name, contextlib.ExitStack() as end:
        folder, redis_port, port = Path(name), free_port(), free_port()
        redis = start_redis(redis_port, folder / "redis", folder / "redis.log", persist=False)
        end.callback(redis.kill)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AZIMUTH_")}
        redis_url, url = f"redis://127.0.0.1:{redis_port}/0", f"http://127.0.0.1:{port}"
        environment = inherited | {
            "REDIS_URL": redis_url,
            "AZIMUTH_PORT": str(port),
            "AZIMUTH_API_PROCESSES": str(processes),
            "AZIMUTH_INDEX_DIR": str(folder / "indexes"),
            "AZIMUTH_LOG_LEVEL": "warning",
            **(settings or FAKE),
        }
        # One after the other: together they would wait for each other's share of the processor.
        started = time.monotonic()
        api = _start("api", "app.main", environment, folder, end)
        _wait_for(f"{url}/healthz", api)
        answering = time.monotonic()
        worker = _start("worker", "workers.main", environment, folder, end)
        _wait_for(f"{url}/readyz", worker)
        yield Running(
            url, redis_url, api, worker, answering - started, time.monotonic() - answering
        )


@contextlib.contextmanager
def running_bare(answer: bytes) -> Iterator[str]:
    """The bare route with an answer; yields its address."""
    with tempfile.TemporaryDirectory(prefix="azimuth-load-") as name, contextlib.ExitStack() as end:
        file, port = Path(name) / "answer.json", free_port()
        file.write_bytes(answer)
        command = [sys.executable, "-m", "scripts.benchmark.load.bare", str(port), str(file)]
        bare = Child("bare", command, os.environ, Path(name) / "bare.log")
        end.callback(bare.kill)
        _wait_for(f"http://127.0.0.1:{port}/openapi.json", bare)
        yield f"http://127.0.0.1:{port}"


def tree(pid: int) -> list[int]:
    """A process and all that it started, by process id (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in tree(int(child)))]


def resident_mib(pid: int) -> float:
    """Memory of a process and all that it started; shared pages count once for each sharer's part
    (PSS)."""
    kib = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib / 1024


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _start(
    part: str, module: str, environment: dict[str, str], folder: Path, end: contextlib.ExitStack
) -> Child:
    child = Child(part, [sys.executable, "-m", module], environment, folder / f"{part}.log")
    end.callback(child.kill)
    return child


def _wait_for(url: str, child: Child) -> None:
    """Wait until an address answers 200. Raises `ValueError` if the process ends before."""
    end = time.monotonic() + _READY_S
    while time.monotonic() < end:
        if not child.alive():
            raise ValueError(f"the {child.name} has ended: {child.last_words()}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise ValueError(f"{url} did not answer within {_READY_S:g} s")
