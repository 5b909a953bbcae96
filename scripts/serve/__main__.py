"""Start Redis, a worker and the API; keep them running; end them all. Called by scripts/run."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType
from typing import IO

import httpx

from app.settings import InvalidSetting, Settings, UnknownSetting
from scripts.serve import demo
from scripts.serve.processes import STATE, Child, free_port, start_redis

_READY_S = 1800.0  # a first run may download a model of some GB
_RESTART_S = 2.0
_LOGS = STATE / "logs"


class StartFailed(Exception):
    """The service did not come up."""


class _Interrupted(Exception):
    """Told to stop while the sample requests were under way."""


class Stack:
    """Everything that was started, and how to end it."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.port = port
        anywhere = settings.api.host in ("0.0.0.0", "::")
        self.url = f"http://{'127.0.0.1' if anywhere else settings.api.host}:{port}"
        self.stopping = False
        self.sampling = False
        self._settings = settings
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
        _LOGS.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start all parts; they come up side by side."""
        if not (os.environ.get("REDIS_URL") or os.environ.get("AZIMUTH_REDIS_URL")):
            port = free_port(6379)
            redis = start_redis(port, STATE / "redis", _fresh_log("redis"), persist=True)
            self._children.append(redis)
            self._environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
            _tell(f"Redis on 127.0.0.1:{port}")
        if self._settings.engine.engine == "fake":
            self._environment.setdefault("AZIMUTH_EMBEDDER", "hashing")
        self._start_worker()
        api = Child("api", _python("app.main"), self._environment, _fresh_log("api"))
        self._children.append(api)

    def _start_worker(self) -> None:
        log = _LOGS / "worker.log" if self._restarts else _fresh_log("worker")
        self._worker = Child("worker", _python("workers.main"), self._environment, log)

    def wait_ready(self) -> None:
        """Wait for /readyz and the default bank's index, saying what is waited for."""
        end = time.monotonic() + _READY_S
        started = time.monotonic()
        with httpx.Client(base_url=self.url, timeout=5) as client, _Progress() as progress:
            while time.monotonic() < end and not self.stopping:
                self.mend(restart=False)
                state = _readiness(client)
                if state is None:
                    progress.done(f"ready after {time.monotonic() - started:.0f} s")
                    return
                progress.show(f"waiting: {state} ({time.monotonic() - started:.0f} s)")
                time.sleep(0.5)
        if not self.stopping:
            raise StartFailed(f"not ready after {_READY_S:.0f} s")

    def mend(self, *, restart: bool = True) -> None:
        """Start a worker that ended anew; anything else that ended is the end."""
        for child in self._children:
            if not child.alive():
                raise StartFailed(f"{child.name} has ended: {child.last_words()}")
        worker = self._worker
        if worker is None or worker.alive():
            return
        worker.kill()  # whatever it left behind
        if not restart:
            raise StartFailed(f"the worker has ended: {worker.last_words()}")
        self._restarts += 1
        _tell(f"the worker has ended (status {worker.process.returncode}): starting it anew")
        time.sleep(min(30.0, _RESTART_S * self._restarts))
        if not self.stopping:
            self._start_worker()

    def stop(self) -> None:
        """End all parts, the API first so that no request comes in any more."""
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


class _Keeper:
    """Mends the stack in the background, also while the sample requests wait."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failure: StartFailed | None = None

    def __enter__(self) -> _Keeper:
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


class _Progress:
    """One line that is written over on a terminal; a line now and then elsewhere."""

    def __enter__(self) -> _Progress:
        self._terminal = sys.stderr.isatty()
        self._last = ""
        self._told = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def show(self, text: str) -> None:
        """Say what is going on."""
        if self._terminal:
            print(f"\r\033[K    {text}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._told > 10:
            self._told = time.monotonic()
            print(f"    {text}", file=sys.stderr, flush=True)

    def done(self, text: str) -> None:
        """Say that it is over."""
        start = "\r\033[K" if self._terminal else ""
        print(f"{start}    {text}", file=sys.stderr, flush=True)


def _readiness(client: httpx.Client) -> str | None:
    """None when ready, else what is waited for."""
    try:
        answer = client.get("/readyz").json()
        if answer["status"] != "ready":
            waits = [p for p in ("redis", "worker", "model") if answer[p]["state"] != "ready"]
            return str(answer[waits[0]]["detail"]) if waits else "starting"
        index = client.get("/v1/banks/helpsteer2").json()["index"]
    except (httpx.HTTPError, ValueError, KeyError):
        return "the API is starting"
    return None if index["state"] == "ready" else "the index of the built-in bank"


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 1 to 65535, or 0 for a free one")
    return int(text)


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _fresh_log(name: str) -> Path:
    path = _LOGS / f"{name}.log"
    path.write_bytes(b"")
    return path


def _tell(text: str) -> None:
    mark = "\033[1m==>\033[0m" if sys.stderr.isatty() else "==>"
    print(f"{mark} {text}", file=sys.stderr, flush=True)


def _only_one() -> IO[str]:
    """A lock on this checkout: two services would share one Redis folder."""
    STATE.mkdir(exist_ok=True)
    handle = (STATE / "lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StartFailed("scripts/run is already running in this checkout") from error
    return handle


def _sample(url: str, *, check: bool) -> str | None:
    """Show the sample requests. A failure ends a check, but not a service that others may use."""
    try:
        return demo.show(url)
    except (RuntimeError, httpx.HTTPError) as error:
        if check:
            raise
        print(f"error: the sample request failed: {error}", file=sys.stderr)
        return None


def serve(*, check: bool, port: int | None) -> int:
    """Run the service; the exit status."""
    try:
        settings = Settings.from_environment()
    except (UnknownSetting, InvalidSetting) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    wanted = port if port is not None else settings.api.port
    wanted = wanted or free_port()
    stack = Stack(settings, wanted)

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        if not stack.stopping:
            _tell("stopping")
        stack.stopping = True
        if stack.sampling:
            stack.sampling = False
            raise _Interrupted

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    with contextlib.ExitStack() as cleanup:
        try:
            cleanup.enter_context(_only_one())
            cleanup.callback(stack.stop)  # before the lock is given up
            if free_port(wanted) != wanted:
                raise StartFailed(f"port {wanted} is taken: give another with --port")
            stack.start()
            _tell(f"worker and API are starting (logs in {_LOGS.relative_to(Path.cwd())}/)")
            stack.wait_ready()
            if stack.stopping:
                return 1
            keeper = cleanup.enter_context(_Keeper(stack))
            stack.sampling = True
            selection = _sample(stack.url, check=check)
            stack.sampling = False
            if check:
                print(selection, flush=True)
                return 0
            print(f"\nServing on {stack.url} (documentation: {stack.url}/docs). Ctrl-C ends it.")
            sys.stdout.flush()
            while not (stack.stopping or keeper.failure):
                time.sleep(0.2)
            if keeper.failure:
                raise keeper.failure
        except _Interrupted:
            return 1 if check else 0
        except (StartFailed, RuntimeError, httpx.HTTPError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="scripts.serve", description=__doc__)
    parser.add_argument("--check", action="store_true", help="stop after the sample requests")
    parser.add_argument("--port", type=_port, help="port of the API; 0 takes a free one")
    arguments = parser.parse_args()
    sys.exit(serve(check=arguments.check, port=arguments.port))


if __name__ == "__main__":
    main()
