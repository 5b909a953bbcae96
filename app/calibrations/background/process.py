"""Long computations in a process of their own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")


async def in_a_process(
    work: Callable[..., T], *arguments: object, preload: Sequence[str] = ()
) -> T:
    """Run `work(*arguments)` while requests are being served; raises what it raises.

    The process is killed when this call ends or is cancelled. (A pool would finish its work first,
    and keep this process from ending until then.) It is forked from a server that has imported the
    modules in `preload`, so that a second call need not import them again.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([*_main_module(), *preload])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, work, arguments), daemon=True)
    # A thread of its own: the event loop has few, and other long calls need them.
    waiting = ThreadPoolExecutor(1, thread_name_prefix="process")
    aside = asyncio.get_running_loop().run_in_executor
    try:
        await aside(waiting, process.start)  # which also sends the arguments
        sender.close()
        succeeded, outcome = await aside(waiting, receiver.recv)
    except EOFError:
        process.join()
        raise RuntimeError(f"a worker process ended with status {process.exitcode}") from None
    finally:
        if process.pid is not None:
            process.kill()  # which also ends a thread that still waits for it
            process.join()
        waiting.shutdown(wait=False)
    if succeeded:
        result: T = outcome
        return result
    assert isinstance(outcome, Exception)
    raise outcome


def _main_module() -> list[str]:
    """Name of the main module, which every new process imports."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is None or spec.name.endswith("__main__"):
        return []
    return [spec.name]


def _run(sender: Connection, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the parent, which ends this process
    outcome: tuple[bool, Any]
    try:
        # One core: beside busy processes, threads that wait for each other by spinning take many
        # times the processor time of the work.
        with threadpool_limits(1):
            outcome = True, work(*arguments)
    except Exception as error:
        error.add_note(traceback.format_exc())  # a traceback itself cannot be pickled
        outcome = False, error
    with contextlib.suppress(BrokenPipeError):  # the parent has gone
        sender.send(outcome)
