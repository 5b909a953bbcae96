"""Processes of the service for tests, forked from one that has everything imported already.

A start takes milliseconds of processor time instead of 2.6 s. The process is a real one all the
same: its own session, environment, log and signals; SIGKILL ends it without a word.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.serve.processes import Child, die_with_parent

PRELOADED = [
    "app.main",
    "workers.main",
    "workers.engines.fake",
    "workers.judges.language.judge",
    "workers.retrieval.index",
]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


class ForkedProcess:
    """A `subprocess.Popen` for a forked process, as far as `Child` uses one."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self._process = _context.Process(target=_run, args=(module, dict(environment), str(log)))
        with _without_main():
            self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()


class ForkedChild(Child):
    """A child of the tests that runs a module's `main`."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.process = ForkedProcess(module, environment, log)  # type: ignore[assignment]


def _run(module: str, environment: dict[str, str], log: str) -> None:
    os.setsid()  # a group of its own, by which `Child.kill` finds all that it starts
    die_with_parent()
    with open(log, "ab") as output:
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    importlib.import_module(module).main()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Keep multiprocessing from importing pytest's own main module in the new process."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
