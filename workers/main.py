"""A worker process: load the model, warm up, announce it, handle jobs, drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from prometheus_client import start_http_server
from redis.asyncio import Redis

from app.domain.scorer import ModelIdentity
from app.errors import StoreUnavailable
from app.settings import Settings
from app.store.banks import BankStore
from app.store.checking import check_redis
from app.store.fleet import Fleet, Pool, pool_for
from app.store.notice_hub import NoticeHub
from app.store.queue import JobQueue
from app.store.redis import connect, connect_for_listening
from app.store.state_readings import StateReadings
from app.telemetry.logs import configure
from app.telemetry.traces import configure_traces, end_traces
from workers.canary import Canary
from workers.consumer import Consumer
from workers.engines.base import Engine, EngineInfo
from workers.engines.identity import model_name
from workers.errors import EngineError, WorkerFailed
from workers.handling import JobHandler
from workers.heartbeat import Status, beat_forever, new_worker_id
from workers.indexing import index_forever
from workers.judges.base import Judge
from workers.judges.select import create_judge
from workers.metrics import REGISTRY
from workers.policy import Backoff

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_LONGEST_INDEX_WAIT_S = 300.0
EXIT_FAILED = 70
"""Exit status that asks a supervisor for a restart (EX_SOFTWARE)."""


async def run_worker(settings: Settings, stop: asyncio.Event, engine: Engine | None = None) -> None:
    """Handle jobs until `stop` is set, with the engine of the settings unless one is given.

    Raises `WorkerFailed` if the worker must be restarted.
    """
    await check_redis(settings.store)
    redis, listening = connect(settings.store), connect_for_listening(settings.store)
    fleet, banks, hub = Fleet(redis), BankStore(redis), NoticeHub(listening)
    status, own = Status(new_worker_id(), *_announced(settings)), settings.worker
    readings = StateReadings(redis, ttl_s=settings.store.cache_ttl_s)
    judge = create_judge(settings, banks, readings, engine)
    background: list[asyncio.Task[None]] = []
    try:
        await hub.start()
        background = [asyncio.create_task(beat_forever(fleet, status, banks, None))]
        info = await bring_up(judge, status, stop, warm_up_s=own.warm_up_s)
        if info is None:
            return
        pool = _announce(status, judge, info)
        background[0].cancel()
        background = [asyncio.create_task(beat_forever(fleet, status, banks, judge.library))]
        if judge.library is not None:
            backoff = Backoff(own.store_retry_s, _LONGEST_INDEX_WAIT_S)
            indexing = index_forever(banks, judge.library, hub, backoff)
            background.append(asyncio.create_task(indexing))
        consumer = Consumer(
            JobHandler(_queue(settings, redis, listening), judge, pool.name, status.worker_id, own),
            Canary(judge, own, remote=info.engine == "openai"),
            status,
            own,
        )
        hub.on_dropped = consumer.drop
        await _first_to_end(consumer.run(stop), background)
    finally:
        for task in background:
            task.cancel()
        with contextlib.suppress(StoreUnavailable):
            await fleet.leave(status.worker_id)
        await hub.close()
        await judge.close()
        await listening.aclose()
        await redis.aclose()


def _queue(settings: Settings, redis: Redis, listening: Redis) -> JobQueue:
    return JobQueue(
        redis,
        reader=listening,
        queue_limit=settings.store.queue_limit,
        cache_ttl_s=settings.store.cache_ttl_s,
    )


async def bring_up(
    judge: Judge, status: Status, stop: asyncio.Event, *, warm_up_s: float
) -> EngineInfo | None:
    """Load the judge's model and have it answer once; None if `stop` is set meanwhile.

    Raises `WorkerFailed` if the loaded model does not answer within `warm_up_s`.
    """
    status.detail = "loading the model"
    info = await _unless(stop, judge.start())
    if info is None:
        return None
    status.detail = "warming up"
    try:
        await _unless(stop, asyncio.wait_for(judge.check(), warm_up_s))
    except TimeoutError as error:
        raise WorkerFailed(
            f"the model did not answer within {warm_up_s:g} s of loading (AZIMUTH_WORKER_WARM_UP_S)"
        ) from error
    return None if stop.is_set() else info


def _announce(status: Status, judge: Judge, info: EngineInfo) -> Pool:
    """Have the next heartbeat announce the model; return its pool."""
    pool = pool_for(
        ModelIdentity(
            name=info.model,
            revision=info.revision,
            engine=info.engine,
            context_length=info.context_length,
            embedder=judge.embedder,
            profiles=judge.profiles,
            settings=info.settings,
        )
    )
    status.pool, status.model = pool, info.model
    status.state, status.detail = "ready", "serving"
    _log.info("worker ready", extra={"worker": status.worker_id, "pool": pool.name})
    return pool


async def _first_to_end(work: Coroutine[Any, Any, None], keepers: list[asyncio.Task[None]]) -> None:
    """Run `work` to its end. Raise `WorkerFailed` if one of `keepers` ends before."""
    task = asyncio.create_task(work)
    await asyncio.wait({task, *keepers}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ended = next(keeper for keeper in keepers if keeper.done())
        raise WorkerFailed(f"a background task of the worker has ended: {ended!r}")
    task.result()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, _T]) -> _T | None:
    """Return the result of `work`, or None if `stop` is set before."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    # A model that loads in a thread cannot be stopped; the process is about to end anyway.
    task.cancel()
    return None


def _announced(settings: Settings) -> tuple[str, str]:
    """The names of model and engine, known before the model is loaded."""
    engine = settings.engine
    if engine.engine == "fake":
        return engine.model_name or "fake", "fake"
    return model_name(engine.model, engine.model_name), engine.engine


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
    configure(settings.api.log_level, texts=settings.api.log_texts)
    configure_traces("azimuth-worker")
    if settings.worker.metrics_port:
        start_http_server(settings.worker.metrics_port, settings.api.host, REGISTRY)
    loop = asyncio.new_event_loop()
    try:
        # Not asyncio.run: it would wait for threads, and one of them may be loading a model.
        status = loop.run_until_complete(_main(settings))
    except Exception:
        _log.exception("worker ends after an unexpected error")
        status = EXIT_FAILED
    end_traces()
    for child in multiprocessing.active_children():
        child.kill()
    # vLLM and PyTorch leave threads that may delay the interpreter's exit.
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)


# vLLM starts processes that import this module again.
if __name__ == "__main__":
    main()
