"""The service with a real model and a recording worker, and single processes, for a measurement."""

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
import msgspec

from scripts.benchmark.engine.work import Measured, peak_memory_mb, processor_seconds
from scripts.serve.processes import Child, free_port, start_redis

WORKER = "workers.main"
RECORDING = "scripts.benchmark.engine.recording"
_PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    url: str
    worker: Child
    others: tuple[Child, ...]
    """API and Redis."""
    recorded: Path
    """The prompts of its worker so far, as JSON Lines."""

    def memory_mb(self) -> float:
        """Highest resident memory of the worker and its engine."""
        return peak_memory_mb(self.worker.pid)

    def processor_seconds(self) -> float:
        """Processor time of all processes of the service so far."""
        return processor_seconds(self.worker.pid, *(child.pid for child in self.others))


@contextlib.contextmanager
def running_service(
    settings: Mapping[str, str], worker_module: str = RECORDING
) -> Iterator[Running]:
    """Redis, API and a worker with the engine of the settings."""
    with (
        tempfile.TemporaryDirectory(prefix="azimuth-engine-") as name,
        contextlib.ExitStack() as end,
    ):
        folder, redis_port, port = Path(name), free_port(), free_port()
        redis = start_redis(redis_port, folder / "redis", folder / "redis.log", persist=False)
        end.callback(redis.kill)
        environment = environment_with(settings) | {
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "AZIMUTH_PORT": str(port),
            "AZIMUTH_WAIT_S": str(_PATIENCE_S),
            "AZIMUTH_WORKER_CANARY_TIMEOUT_S": str(_PATIENCE_S),
            "AZIMUTH_WORKER_WARM_UP_S": str(_PATIENCE_S),
        }
        url, recorded = f"http://127.0.0.1:{port}", folder / "work.jsonl"
        api = Child("api", [sys.executable, "-m", "app.main"], environment, folder / "api.log")
        end.callback(api.kill)
        command = [sys.executable, "-m", worker_module]
        command += [str(recorded)] if worker_module == RECORDING else []
        worker = Child("worker", command, environment, folder / "worker.log")
        end.callback(worker.kill)
        _wait_until_ready(url, worker)
        yield Running(url, worker, (api, redis), recorded)


def run_alone(module: str, work: Path, settings: Mapping[str, str]) -> Measured:
    """Run `… MODULE WORK OUT` in a process of its own. Raises RuntimeError if it fails."""
    with tempfile.TemporaryDirectory(prefix="azimuth-engine-") as name:
        folder = Path(name)
        out = folder / "measured.json"
        command = [sys.executable, "-m", module, str(work), str(out)]
        child = Child(module, command, environment_with(settings), folder / "log")
        try:
            while not out.exists() or not out.stat().st_size:
                if not child.alive():
                    raise RuntimeError(f"{module} has ended:\n{child.last_lines(30)}")
                time.sleep(0.1)
            time.sleep(0.2)  # it may still be writing
            measured = msgspec.json.decode(out.read_bytes(), type=Measured)
            return msgspec.structs.replace(measured, memory_mb=peak_memory_mb(child.pid))
        finally:
            child.kill()


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with no settings of Azimuth but the given ones."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AZIMUTH_")}
    return inherited | {"AZIMUTH_LOG_LEVEL": "warning", "HF_HUB_OFFLINE": "1"} | dict(settings)


def _wait_until_ready(url: str, worker: Child) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        if not worker.alive():
            raise RuntimeError(f"the worker has ended:\n{worker.last_lines(30)}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=10).status_code == 200:
                return
        time.sleep(0.2)
    raise TimeoutError(f"{url} was not ready within {_PATIENCE_S:g} s")
