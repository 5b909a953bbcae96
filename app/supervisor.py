"""Several API processes on one port: starts them, starts again those that end, stops them all.

Each has a listening socket of its own (SO_REUSEPORT), among which Linux divides new connections.
uvicorn's own supervisor does not do: its processes share one socket, of which one process may take
a whole burst, they outlive a killed parent, and what cannot start is restarted without a wait.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from types import FrameType

from app.listening import bound_sockets
from app.settings import ApiSettings, InvalidSetting
from app.telemetry.exposition import SHARED_FOLDER

_log = logging.getLogger("azimuth")
_PARENT = "_AZIMUTH_SUPERVISOR"
"""Environment variable of a supervised process: the process id of its supervisor."""
_LOOK_S = 0.1
_STEADY_S = 10.0
"""A process that lasted this long is started again at once."""
_RESTART_S = 0.5
_MOST_RESTART_S = 30.0
_STOP_S = 11.0
"""Longest wait for processes to end; their own drain takes 10 s at most."""
_PR_SET_PDEATHSIG = 1


def supervised() -> bool:
    """Whether this process was started by a supervisor."""
    return os.environ.get(_PARENT) == str(os.getppid())


def end_with_supervisor() -> None:
    """Have the kernel send SIGTERM when the supervisor dies, however it does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if not supervised():  # it died before
        os.kill(os.getpid(), signal.SIGTERM)


def supervise(api: ApiSettings) -> int:
    """Serve with `api.api_processes` processes until SIGINT or SIGTERM; the exit status.

    Raises `InvalidSetting` where the system cannot divide connections, and `CannotListen`.
    """
    if sys.platform != "linux":
        raise InvalidSetting("AZIMUTH_API_PROCESSES: more than 1 needs Linux's SO_REUSEPORT")
    with _reserved(api.host, api.port) as port, tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            _PARENT: str(os.getpid()),
            SHARED_FOLDER: folder,
            "AZIMUTH_PORT": str(port),
        }
        return _Supervisor(api.api_processes, environment).run()


@contextlib.contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Keep the port for the supervised processes, without taking connections; yields its number."""
    # Fails if another program has it, even one that would share it.
    free = bound_sockets(host, port, shared=False)
    for one in free:
        one.close()
    kept = bound_sockets(host, port, shared=True)
    try:
        yield int(kept[0].getsockname()[1])
    finally:
        for one in kept:
            one.close()


class _Slot:
    """One of the processes, over its restarts."""

    def __init__(self, number: int, environment: Mapping[str, str]) -> None:
        self.number = number
        self._environment = environment
        self._failures = 0
        """Ends in a row of processes that did not last."""
        self._next_start = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def look(self) -> None:
        """Start the process if it does not run and its turn has come; note when it ends."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._next_start:
                self._start(now)
            return
        if (status := self.process.poll()) is None:
            return
        self._failures = 0 if now - self._started >= _STEADY_S else self._failures + 1
        wait_s = restart_wait(self._failures)
        _log.error(
            "API process %d (pid %d) has ended with status %d: starting it again in %.1f s",
            self.number,
            self.process.pid,
            status,
            wait_s,
        )
        self.process, self._next_start = None, now + wait_s

    def _start(self, now: float) -> None:
        command = [sys.executable, "-m", "app.main"]
        self.process = subprocess.Popen(command, env=dict(self._environment))
        self._started = now


def restart_wait(failures: int) -> float:
    """Seconds before a process is started again, after a number of short lives in a row."""
    if failures <= 1:
        return 0.0
    longest: float = min(_MOST_RESTART_S, _RESTART_S * 2.0 ** (failures - 1))
    return longest * random.uniform(0.5, 1.0)


class _Supervisor:
    def __init__(self, count: int, environment: Mapping[str, str]) -> None:
        self._slots = [_Slot(number, environment) for number in range(1, count + 1)]
        self._stop = threading.Event()

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        _log.info("serving with %d processes", len(self._slots))
        try:
            while not self._stop.is_set():
                for slot in self._slots:
                    slot.look()
                self._stop.wait(_LOOK_S)
        finally:
            self._end_all()
        return 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _end_all(self) -> None:
        """Ask all processes to end, and kill those that do not."""
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.terminate()
        end = time.monotonic() + _STOP_S
        for process in running:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.warning("API process with pid %d does not end: killing it", process.pid)
                process.kill()
                process.wait()
