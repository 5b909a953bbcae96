"""A worker that is started again when it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from scripts.serve.processes import STATE, Child
from scripts.serve.progress import report

LOGS = STATE / "logs"
_RESTART_S = 2.0
_MOST_RESTART_S = 30.0


class StartFailed(Exception):
    """The service did not come up."""


class WatchedWorker:
    """One worker process after the other, in its own environment."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        """What messages call it, and its log."""
        self._environment = environment
        self._child: Child | None = None
        self._ends = 0
        self._start_at: float | None = None
        """When it is started again; None while it runs."""

    def start(self) -> None:
        """Start the process."""
        path = LOGS / f"{self.name.replace(' ', '-')}.log"
        log = path if self._ends else fresh_log(path)
        self._start_at = None
        self._child = Child(self.name, python("workers.main"), self._environment, log)

    def mend(self, *, restart: bool) -> None:
        """Start it again if it has ended, after a wait that grows. Returns at once.

        Without `restart` raises `StartFailed` instead.
        """
        child = self._child
        if child is None:
            return
        if self._start_at is not None:
            if time.monotonic() >= self._start_at:
                self.start()
            return
        if child.alive():
            return
        child.kill()  # and what it left behind
        if not restart:
            raise StartFailed(f"the {self.name} has ended: {child.last_words()}")
        self._ends += 1
        self._start_at = time.monotonic() + min(_MOST_RESTART_S, _RESTART_S * self._ends)
        words = child.last_words()
        why = "" if "\n" in words else f": {words}"
        report(f"the {self.name} has ended (status {child.process.returncode}){why}; restarting it")

    def ask_to_stop(self) -> None:
        """Have it finish its jobs; `stop` waits for that."""
        if self._child is not None and self._child.alive():
            self._child.process.terminate()

    def stop(self, patience_s: float) -> None:
        """End it, at the latest after `patience_s`."""
        if self._child is not None:
            self._child.stop(patience_s)


def python(module: str) -> list[str]:
    """The command that runs a module."""
    return [sys.executable, "-m", module]


def fresh_log(path: Path) -> Path:
    """The path of a log file, emptied."""
    path.write_bytes(b"")
    return path
