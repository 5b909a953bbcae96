"""Redis, a worker and the API as child processes: start, watch, end."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from app.banks.schemas import BankWithIndexOut
from app.domain.methods import METHODS
from app.health.schemas import ReadyOut
from app.settings import Settings
from scripts.serve.processes import STATE, Child, free_port, start_redis
from scripts.serve.progress import Progress, report

LOGS = STATE / "logs"
_READY_S = 1800.0  # a first run may download a model of some GB
_RESTART_S = 2.0
_MOST_RESTART_S = 30.0


class StartFailed(Exception):
    """The service did not come up."""


class Stack:
    """Everything that was started, and how to end it."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.port = port
        anywhere = settings.api.host in ("0.0.0.0", "::")
        self.url = f"http://{'127.0.0.1' if anywhere else settings.api.host}:{port}"
        self._stop = threading.Event()
        self.sampling = False
        self.asks_for_keys = settings.api.auth == "keys"
        self._settings = settings
        traits = METHODS.get(settings.api.default_method)
        self._shows_examples = traits is None or traits.uses_examples
        # vLLM leaves sockets where temporary files go; short, because paths of sockets must be.
        self._temporary = tempfile.mkdtemp(prefix="azimuth-")
        self._environment = os.environ | {
            "AZIMUTH_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": self._temporary,
        }
        self._children: list[Child] = []
        self._worker: Child | None = None
        self._restarts = 0
        LOGS.mkdir(parents=True, exist_ok=True)

    @property
    def reads_states(self) -> bool:
        """Whether requests that name no method read hidden states."""
        traits = METHODS.get(self._settings.api.default_method)
        return traits is not None and traits.reads_states

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def ask_to_stop(self) -> None:
        """Start no part again, and end a wait before a restart."""
        self._stop.set()

    def start(self) -> None:
        """Start all parts at once."""
        if not (os.environ.get("REDIS_URL") or os.environ.get("AZIMUTH_REDIS_URL")):
            port = free_port(6379)
            redis = start_redis(port, STATE / "redis", _fresh_log("redis"), persist=True)
            self._children.append(redis)
            self._environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
            report(f"Redis on 127.0.0.1:{port}")
        if self._settings.engine.engine == "fake":
            self._environment.setdefault("AZIMUTH_EMBEDDER", "hashing")
        self._start_worker()
        api = Child("api", _python("app.main"), self._environment, _fresh_log("api"))
        self._children.append(api)

    def _start_worker(self) -> None:
        log = LOGS / "worker.log" if self._restarts else _fresh_log("worker")
        self._worker = Child("worker", _python("workers.main"), self._environment, log)

    def wait_ready(self) -> None:
        """Wait for /readyz and the index of the default bank, and show what is missing."""
        end = time.monotonic() + _READY_S
        started = time.monotonic()
        with httpx.Client(base_url=self.url, timeout=5) as client, Progress() as progress:
            while time.monotonic() < end and not self.stopping:
                self.mend(restart=False)
                state = _waiting_for(client, with_bank=self._shows_examples)
                if state is None:
                    progress.done(f"ready after {time.monotonic() - started:.0f} s")
                    return
                progress.show(f"waiting: {state} ({time.monotonic() - started:.0f} s)")
                time.sleep(0.5)
        if not self.stopping:
            raise StartFailed(f"not ready after {_READY_S:.0f} s")

    def mend(self, *, restart: bool = True) -> None:
        """Restart the worker if it has ended. Raises `StartFailed` if anything else has."""
        for child in self._children:
            if not child.alive():
                raise StartFailed(f"{child.name} has ended: {child.last_words()}")
        worker = self._worker
        if worker is None or worker.alive():
            return
        worker.kill()  # and what it left behind
        if not restart:
            raise StartFailed(f"the worker has ended: {worker.last_words()}")
        self._restarts += 1
        report(f"the worker has ended (status {worker.process.returncode}): restarting it")
        if not self._stop.wait(min(_MOST_RESTART_S, _RESTART_S * self._restarts)):
            self._start_worker()

    def stop(self) -> None:
        """End all parts, the API first so that no more requests come in."""
        api = [child for child in self._children if child.name == "api"]
        others = [child for child in self._children if child.name != "api"]
        worker = [self._worker] if self._worker is not None else []
        for child, patience_s in [
            *((child, 12.0) for child in api),
            *((child, self._settings.worker.drain_s + 10) for child in worker),
            *((child, 10.0) for child in others),
        ]:
            child.stop(patience_s)
        shutil.rmtree(self._temporary, ignore_errors=True)


class Keeper:
    """Restarts a worker that ended, in the background."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failure: StartFailed | None = None

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(0.5):
            try:
                self._stack.mend()
            except StartFailed as failure:
                self.failure = failure
                return


def _waiting_for(client: httpx.Client, *, with_bank: bool) -> str | None:
    """What is not ready yet; None when everything is."""
    try:
        ready = ReadyOut.model_validate_json(client.get("/readyz").content)
        if ready.status != "ready":
            parts = (ready.redis, ready.worker, ready.model)
            return next((part.detail for part in parts if part.state != "ready"), "starting")
        if not with_bank:
            return None
        answer = client.get("/v1/banks/helpsteer2")
        if answer.status_code == 401:
            return None  # only those who have an API key can ask
        bank = BankWithIndexOut.model_validate_json(answer.content)
    except (httpx.HTTPError, ValueError):
        return "the API is starting"
    return None if bank.index.state == "ready" else "the index of the built-in bank"


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _fresh_log(name: str) -> Path:
    path = LOGS / f"{name}.log"
    path.write_bytes(b"")
    return path
