"""A worker process: load, warm up, announce, run, drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from prometheus_client import start_http_server

from app.domain.scorer import ModelIdentity
from app.errors import StoreUnavailable
from app.settings import Settings
from app.store.banks import BankStore
from app.store.fleet import Fleet, pool_for
from app.store.notice_hub import NoticeHub
from app.store.queue import JobQueue
from app.store.redis import connect, connect_for_listening
from app.telemetry.logs import configure
from workers.engines.base import Engine, EngineError
from workers.engines.identity import model_name
from workers.engines.select import create_judge
from workers.loop import JobLoop, Status, WorkerFailed, beat_forever, index_forever
from workers.metrics import REGISTRY

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
EXIT_FAILED = 70
"""Exit status that asks a supervisor to start the worker anew (EX_SOFTWARE)."""


async def run_worker(settings: Settings, stop: asyncio.Event, engine: Engine | None = None) -> None:
    """Serve jobs until `stop` is set, with the engine of the settings unless one is given.

    Raises `WorkerFailed` when the engine is beyond help.
    """
    redis, listening = connect(settings.store), connect_for_listening(settings.store)
    fleet, bank_store = Fleet(redis), BankStore(redis)
    hub = NoticeHub(listening)
    status = Status(worker_id=_worker_id(), model=_announced_name(settings))
    judge = create_judge(settings, bank_store, engine)
    background: list[asyncio.Task[None]] = []
    try:
        await hub.start()
        status.detail = "loading the model"
        beats = asyncio.create_task(beat_forever(fleet, status, bank_store, None))
        background.append(beats)
        info = await _unless(stop, judge.start())
        if info is None:
            return
        status.detail = "warming up"
        await judge.check()
        identity = ModelIdentity(
            name=info.model,
            revision=info.revision,
            engine=info.engine,
            context_length=info.context_length,
            embedder=judge.embedder,
            profiles=judge.profiles,
            settings=info.settings,
        )
        pool = status.pool = pool_for(identity)
        status.model = info.model
        status.state, status.detail = "ready", "serves"
        beats.cancel()
        background = [asyncio.create_task(beat_forever(fleet, status, bank_store, judge.library))]
        if judge.library is not None:
            background.append(asyncio.create_task(index_forever(bank_store, judge.library, hub)))
        _log.info("worker ready", extra={"worker": status.worker_id, "pool": pool.name})
        loop = JobLoop(
            queue=JobQueue(
                redis,
                reader=listening,
                queue_limit=settings.store.queue_limit,
                cache_ttl_s=settings.store.cache_ttl_s,
            ),
            scorer=judge,
            engine=judge,
            status=status,
            pool=pool.name,
            settings=settings.worker,
            engine_is_remote=info.engine == "openai",
        )
        await _first_to_end(loop.run(stop), background)
    finally:
        for task in background:
            task.cancel()
        with contextlib.suppress(StoreUnavailable):
            await fleet.leave(status.worker_id)
        await hub.close()
        await judge.close()
        await listening.aclose()
        await redis.aclose()


async def _first_to_end(work: Coroutine[Any, Any, None], keepers: list[asyncio.Task[None]]) -> None:
    """See `work` through; a keeper that ends before it is an error, not a silence."""
    task = asyncio.create_task(work)
    await asyncio.wait({task, *keepers}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ended = next(keeper for keeper in keepers if keeper.done())
        raise WorkerFailed(f"a part of the worker has ended: {ended!r}")
    task.result()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, _T]) -> _T | None:
    """The result of `work`, or None when told to stop before it was there."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    # A model that loads in a thread cannot be called off; the process is about to end anyway.
    task.cancel()
    return None


def _announced_name(settings: Settings) -> str:
    engine = settings.engine
    if engine.engine == "fake":
        return engine.model_name or "fake"
    return model_name(engine.model, engine.model_name)


def _worker_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


async def _main(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await run_worker(settings, stop)
    except WorkerFailed as failed:
        _log.error("worker ends: %s", failed)
        return EXIT_FAILED
    except (EngineError, ValueError) as error:
        _log.error("worker cannot start: %s", error)
        return EXIT_FAILED
    return 0


def main() -> None:
    """Run a worker until SIGTERM or SIGINT."""
    settings = Settings.from_environment()
    configure(settings.api.log_level)
    if settings.worker.metrics_port:
        start_http_server(settings.worker.metrics_port, settings.api.host, REGISTRY)
    loop = asyncio.new_event_loop()
    try:
        # Not asyncio.run: it would wait for threads, and one of them may be loading a model.
        status = loop.run_until_complete(_main(settings))
    except Exception:
        _log.exception("worker ends by an unforeseen error")
        status = EXIT_FAILED
    for child in multiprocessing.active_children():
        child.kill()
    # vLLM and PyTorch leave threads that may hold up the interpreter's own end.
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)


# vLLM starts processes that import this module anew.
if __name__ == "__main__":
    main()
