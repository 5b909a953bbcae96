"""Start Redis, workers and the API; keep them running; end them all. Called by scripts/run."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from types import FrameType
from typing import IO, Any, TypeVar

from app.settings import InvalidSetting, Settings, UnknownSetting
from scripts.client.problems import ServiceAway, ServiceProblem
from scripts.serve import demo
from scripts.serve.builtin import reading_environment
from scripts.serve.processes import STATE, free_port
from scripts.serve.progress import report
from scripts.serve.stack import Keeper, Stack
from scripts.serve.watched import LOGS, StartFailed

_T = TypeVar("_T")


class _Interrupted(Exception):
    """The process was asked to stop during the sample requests."""


def serve(*, check: bool, port: int | None, beside: bool = False) -> int:
    """Run the service; the exit status.

    With `beside` a second worker reads states, if a calibration for them ships with Azimuth.
    """
    try:
        settings = Settings.from_environment()
    except (UnknownSetting, InvalidSetting) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    wanted = port if port is not None else settings.api.port
    reading = reading_environment(settings.engine) if beside else None
    stack = Stack(settings, wanted or free_port(), reading)
    _stop_on_signals(stack)
    try:
        with contextlib.ExitStack() as cleanup:
            cleanup.enter_context(_only_one())
            cleanup.callback(stack.stop)  # before the lock is released
            return _serve(stack, cleanup, check=check)
    except _Interrupted:
        return 1 if check else 0
    except (StartFailed, ServiceProblem, ServiceAway, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _serve(stack: Stack, cleanup: contextlib.ExitStack, *, check: bool) -> int:
    if free_port(stack.port) != stack.port:
        raise StartFailed(f"port {stack.port} is taken: choose another with --port")
    stack.start()
    parts = "the worker that reads hidden states" if stack.has_two else "worker"
    report(f"{parts} and API are starting (logs in {LOGS.relative_to(Path.cwd())}/)")
    stack.wait_ready()
    if stack.stopping:
        return 1
    keeper = cleanup.enter_context(Keeper(stack, restart=not check))
    selection = _sample(stack, demo.show(stack.url, reads=stack.reads_states), check=check)
    if not check:
        print(f"\nServing on {stack.url} (documentation: {stack.url}/docs). Stop with Ctrl-C.")
        sys.stdout.flush()
    if stack.has_two:
        _add_writing(stack, keeper, check=check)
    if check:
        if selection is not None:
            print(f"\n{selection}", flush=True)
        return 1 if stack.stopping else 0
    while not (stack.stopping or keeper.failure):
        time.sleep(0.2)
    keeper.check()
    return 0


def _add_writing(stack: Stack, keeper: Keeper, *, check: bool) -> None:
    """Start the worker that writes, and show what it writes once it is ready."""
    report("the worker that writes is starting; method comparative waits for it")
    stack.start_writing()
    stack.wait_writing(keeper)
    if not stack.stopping:
        _sample(stack, demo.show_writing(stack.url), check=check)


def _stop_on_signals(stack: Stack) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        if not stack.stopping:
            report("stopping")
        stack.ask_to_stop()
        if stack.sampling:
            stack.sampling = False
            raise _Interrupted

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _only_one() -> IO[str]:
    """A lock on this checkout: two services would share one Redis folder."""
    STATE.mkdir(exist_ok=True)
    handle = (STATE / "lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StartFailed("scripts/run is already running in this checkout") from error
    return handle


def _sample(stack: Stack, requests: Coroutine[Any, Any, _T], *, check: bool) -> _T | None:
    """Show sample requests. A failure ends a check, but not a service that others may use."""
    if stack.asks_for_keys:
        requests.close()
        report("no sample request: it would need an API key")
        return None
    stack.sampling = True
    try:
        return asyncio.run(requests)
    except (ServiceProblem, ServiceAway) as error:
        if check:
            raise
        print(f"error: the sample request failed: {error}", file=sys.stderr)
        return None
    finally:
        stack.sampling = False


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port: give 1 to 65535, or 0 for a free one"
        )
    return int(text)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="scripts.serve", description=__doc__)
    parser.add_argument("--check", action="store_true", help="stop after the sample requests")
    parser.add_argument("--port", type=_port, help="port of the API; 0 takes a free one")
    parser.add_argument(
        "--beside",
        action="store_true",
        help="a second worker reads hidden states, if a calibration for them ships",
    )
    arguments = parser.parse_args()
    sys.exit(serve(check=arguments.check, port=arguments.port, beside=arguments.beside))


if __name__ == "__main__":
    main()
