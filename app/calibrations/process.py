"""Work that takes minutes of arithmetic, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")


async def in_a_process(work: Callable[..., T], *arguments: object) -> T:
    """`work(*arguments)` while requests go on being served; raises what it raises.

    The process ends with this call, also when that is cancelled: a pool of processes would see its
    work through, and keep this process from ending until then.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, work, arguments), daemon=True)
    # A thread of its own: the loop's are few, and everything else that takes long needs them.
    waiting = ThreadPoolExecutor(1, thread_name_prefix="process")
    aside = asyncio.get_running_loop().run_in_executor
    try:
        await aside(waiting, process.start)  # which hands the arguments over
        sender.close()
        succeeded, outcome = await aside(waiting, receiver.recv)
    except EOFError:
        process.join()
        raise RuntimeError(f"a process of its own ended with {process.exitcode}") from None
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


def _run(sender: Connection, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the parent, which ends us
    outcome: tuple[bool, Any]
    try:
        outcome = True, work(*arguments)
    except Exception as error:
        error.add_note(traceback.format_exc())  # a traceback itself cannot be sent
        outcome = False, error
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        sender.send(outcome)
