"""Redis, workers and the API as child processes: start, watch, end."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping

import httpx

from app.banks.schemas import BankWithIndexOut
from app.domain.methods import AUTO_METHOD, METHODS
from app.health.schemas import ReadyOut
from app.settings import Settings
from scripts.serve.processes import STATE, Child, free_port, start_redis
from scripts.serve.progress import Progress, report
from scripts.serve.watched import LOGS, StartFailed, WatchedWorker, fresh_log, python

_READY_S = 1800.0  # a first run may download a model of some GB


class Stack:
    """Everything that was started, and how to end it."""

    def __init__(
        self, settings: Settings, port: int, reading: Mapping[str, str] | None = None
    ) -> None:
        """`reading` are the settings of a second worker, which reads states and starts first."""
        self.port = port
        anywhere = settings.api.host in ("0.0.0.0", "::")
        self.url = f"http://{'127.0.0.1' if anywhere else settings.api.host}:{port}"
        self._stop = threading.Event()
        self.sampling = False
        self.asks_for_keys = settings.api.auth == "keys"
        self._settings = settings
        # vLLM leaves sockets where temporary files go; short, because paths of sockets must be.
        self._temporary = tempfile.mkdtemp(prefix="azimuth-")
        self._environment = os.environ | {
            "AZIMUTH_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": self._temporary,
        }
        self._reading = reading
        if reading is not None and not os.environ.get("AZIMUTH_DEFAULT_METHOD"):
            self._environment["AZIMUTH_DEFAULT_METHOD"] = AUTO_METHOD
        self._children: list[Child] = []
        self._workers: list[WatchedWorker] = []
        LOGS.mkdir(parents=True, exist_ok=True)

    @property
    def reads_states(self) -> bool:
        """Whether requests that name no method read hidden states."""
        method = self._environment.get("AZIMUTH_DEFAULT_METHOD", "")
        return method == AUTO_METHOD or (method in METHODS and METHODS[method].reads_states)

    @property
    def has_two(self) -> bool:
        """Whether one worker reads states and another writes."""
        return self._reading is not None

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def ask_to_stop(self) -> None:
        """Start no part again."""
        self._stop.set()

    def start(self) -> None:
        """Start all parts; of two workers the one that reads, which is ready within seconds."""
        if not (os.environ.get("REDIS_URL") or os.environ.get("AZIMUTH_REDIS_URL")):
            port = free_port(6379)
            log = fresh_log(LOGS / "redis.log")
            redis = start_redis(port, STATE / "redis", log, persist=True)
            self._children.append(redis)
            self._environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
            report(f"Redis on 127.0.0.1:{port}")
        if self._settings.engine.engine == "fake":
            self._environment.setdefault("AZIMUTH_EMBEDDER", "hashing")
        if self._reading is None:
            self._start_worker("worker", {})
        else:
            self._start_worker("reading worker", self._beside(self._reading))
        api = Child("api", python("app.main"), self._environment, fresh_log(LOGS / "api.log"))
        self._children.append(api)

    def start_writing(self) -> None:
        """Start the worker that writes, after the one that reads: its start takes both cores."""
        self._start_worker("worker", {})

    def _start_worker(self, name: str, own: Mapping[str, str]) -> None:
        worker = WatchedWorker(name, self._environment | dict(own))
        worker.start()
        self._workers.append(worker)

    def _beside(self, reading: Mapping[str, str]) -> dict[str, str]:
        """The settings of a worker that shares the machine with one that writes."""
        own = dict(reading)
        if port := self._settings.worker.metrics_port:
            own["AZIMUTH_WORKER_METRICS_PORT"] = str(port + 1)
        # Threads that wait for one another take a hundred times longer where another process has
        # their cores. Half of them leaves the rest to the worker that writes.
        own["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS") or str(
            max(1, (os.cpu_count() or 1) // 2)
        )
        return own

    def wait_ready(self) -> None:
        """Wait until requests that name no method are answered, and show what is missing."""
        alone = self._reading is None
        method = self._settings.api.default_method
        with_bank = alone and (method not in METHODS or METHODS[method].uses_examples)
        self._wait(
            lambda client: _waiting_for(client, with_bank=with_bank),
            lambda: self.mend(restart=False),
        )

    def wait_writing(self, keeper: Keeper) -> None:
        """Wait until the worker that writes is ready. Raises what the keeper found."""
        self._wait(lambda client: _waiting_for(client, method="comparative"), keeper.check)

    def _wait(
        self, missing: Callable[[httpx.Client], str | None], check: Callable[[], None]
    ) -> None:
        end = time.monotonic() + _READY_S
        started = time.monotonic()
        with httpx.Client(base_url=self.url, timeout=5) as client, Progress() as progress:
            while time.monotonic() < end and not self.stopping:
                check()
                state = missing(client)
                if state is None:
                    progress.done(f"ready after {time.monotonic() - started:.0f} s")
                    return
                progress.show(f"waiting: {state} ({time.monotonic() - started:.0f} s)")
                time.sleep(0.5)
        if not self.stopping:
            raise StartFailed(f"not ready after {_READY_S:.0f} s")

    def mend(self, *, restart: bool) -> None:
        """Restart workers that have ended. Raises `StartFailed` if anything else has."""
        for child in self._children:
            if not child.alive():
                raise StartFailed(f"{child.name} has ended: {child.last_words()}")
        for worker in self._workers:
            if not self.stopping:
                worker.mend(restart=restart)

    def stop(self) -> None:
        """End all parts, the API first so that no more requests come in."""
        api = [child for child in self._children if child.name == "api"]
        others = [child for child in self._children if child.name != "api"]
        for child in api:
            child.stop(12.0)
        for worker in self._workers:
            worker.ask_to_stop()  # all at once
        for worker in self._workers:
            worker.stop(self._settings.worker.drain_s + 10)
        for child in others:
            child.stop(10.0)
        shutil.rmtree(self._temporary, ignore_errors=True)


class Keeper:
    """Watches all parts in the background."""

    def __init__(self, stack: Stack, *, restart: bool) -> None:
        """`restart`: start workers again that have ended; else that is a failure too."""
        self._stack = stack
        self._restart = restart
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failure: StartFailed | None = None

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def check(self) -> None:
        """Raise the failure, if there was one."""
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        while not self._end.wait(0.5):
            try:
                self._stack.mend(restart=self._restart)
            except StartFailed as failure:
                self.failure = failure
                return


def _waiting_for(
    client: httpx.Client, *, method: str | None = None, with_bank: bool = True
) -> str | None:
    """What is not ready yet; None when everything is, a worker for `method` included."""
    try:
        ready = ReadyOut.model_validate_json(client.get("/readyz").content)
        if ready.status != "ready":
            parts = (ready.redis, ready.worker, ready.model)
            return next((part.detail for part in parts if part.state != "ready"), "starting")
        if method is not None and method not in ready.model.methods:
            return ready.worker.detail
        if not with_bank:
            return None
        answer = client.get("/v1/banks/helpsteer2")
        if answer.status_code == 401:
            return None  # only those who have an API key can ask
        bank = BankWithIndexOut.model_validate_json(answer.content)
    except (httpx.HTTPError, ValueError):
        return "the API is starting"
    return None if bank.index.state == "ready" else "the index of the built-in bank"
