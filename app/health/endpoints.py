"""`/healthz`, `/readyz`, `/metrics`, `/problems/{slug}`."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from app import __version__
from app.errors import StoreUnavailable
from app.health.readiness import readiness, unreachable
from app.health.schemas import HealthOut, ProblemTypeOut, ReadyOut
from app.http.problem_types import ABOUT_BLANK, problem_called
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.store.fleet import Fleet
from app.store.queue import JobQueue
from app.telemetry.exposition import Sampled, exposition
from app.telemetry.metrics import BACKLOG, DEAD_LETTERS, QUEUE_DEPTH, WORKERS

Workers = Annotated[Fleet, provided(Fleet)]
Queue = Annotated[JobQueue, provided(JobQueue)]

router = APIRouter(tags=["health"])
_REDIS_TIMEOUT_S = 2.0
"""Time limit for Redis: probes and scrapers give up before the store's own time-outs."""

_READY: dict[str, Any] = {
    "status": "ready",
    "redis": {"state": "ready", "detail": "answers"},
    "worker": {"state": "ready", "detail": "1 of 1 ready"},
    "model": {
        "state": "ready",
        "detail": "HuggingFaceTB/SmolLM2-135M-Instruct on vllm",
        "models": ["HuggingFaceTB/SmolLM2-135M-Instruct"],
        "methods": ["comparative", "regression", "prompt_aligned", "unaligned"],
    },
}
_LOADING: dict[str, Any] = {
    "status": "not-ready",
    "redis": {"state": "ready", "detail": "answers"},
    "worker": {"state": "loading", "detail": "w-3f2a10: loading the model"},
    "model": {
        "state": "loading",
        "detail": "SmolLM2-135M-Instruct: loading",
        "models": [],
        "methods": [],
    },
}


_METRICS: Any = (
    'azimuth_cells_total{result="cached"} 5.0\n'
    'azimuth_queue_jobs{model="SmolLM2-135M-Instruct",pool="9f31"} 0.0\n'
)
_PROBLEM: dict[str, Any] = {
    "type": "/problems/queue-full",
    "title": "The queue is full",
    "status": 429,
    "example": "The queue is full (1000 scenarios).",
}


@router.get(
    "/healthz",
    operation_id="healthz",
    summary="Is the process alive?",
    responses={
        200: {
            "content": {"application/json": {"example": {"status": "ok", "version": __version__}}}
        }
    },
)
async def healthz() -> HealthOut:
    """Answers while the process runs. It checks nothing else."""
    return HealthOut(status="ok", version=__version__)


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Can requests be answered?",
    responses=answers(_READY, "Ready")
    | answers(_LOADING, "Not ready: each part gives the reason", status=503, model=ReadyOut),
)
async def readyz(fleet: Workers, response: Response) -> ReadyOut:
    """State of Redis, the workers and the model; 503 until all are ready."""
    try:
        async with _time_limit():
            ready = readiness(await fleet.snapshot())
    except StoreUnavailable as error:
        ready = unreachable(error.detail)
    if ready.status != "ready":
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return ready


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses=answers(_METRICS, "Counters and gauges", media_type="text/plain"),
)
async def metrics(fleet: Workers, queue: Queue) -> Response:
    """Counters of all API processes on this port, and the current state of the queue and the
    workers."""
    sampled = Sampled()
    with contextlib.suppress(StoreUnavailable):
        async with _time_limit():
            await _sample(fleet, queue, sampled)
    return Response(exposition(sampled), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/problems/{slug}",
    operation_id="get_problem",
    summary="Explain a problem type",
    responses=answers(_PROBLEM, "The problem type")
    | problem_responses("invalid-request", ABOUT_BLANK),
)
async def get_problem(slug: str) -> ProblemTypeOut:
    """The page that the `type` of a problem document refers to."""
    problem = problem_called(slug)
    if problem is None or slug == ABOUT_BLANK:
        raise HTTPException(404, f"no problem is called {slug!r}")
    return ProblemTypeOut(
        type=problem.uri, title=problem.title, status=problem.status, example=problem.example
    )


@asynccontextmanager
async def _time_limit() -> AsyncIterator[None]:
    """Raise `StoreUnavailable` if Redis takes too long."""
    try:
        async with asyncio.timeout(_REDIS_TIMEOUT_S):
            yield
    except TimeoutError as error:
        raise StoreUnavailable(f"Redis does not answer within {_REDIS_TIMEOUT_S:g} s") from error


async def _sample(fleet: Fleet, queue: JobQueue, sampled: Sampled) -> None:
    snapshot = await fleet.snapshot()
    backlogs = await queue.backlogs([pool.name for pool in snapshot.pools])
    for state in ("loading", "ready", "draining", "failed"):
        sampled.set(WORKERS, sum(w.state == state for w in snapshot.workers), state)
    by_model: Counter[str] = Counter()
    for pool in snapshot.pools:
        backlog = backlogs[pool.name]
        by_model[pool.model.name] += backlog.depth
        sampled.set(QUEUE_DEPTH, backlog.depth, pool.model.name, pool.name)
        sampled.set(DEAD_LETTERS, backlog.dead, pool.model.name, pool.name)
    for model, jobs in by_model.items():
        sampled.set(BACKLOG, jobs, model)
