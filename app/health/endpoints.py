"""`/healthz`, `/readyz`, `/metrics`, `/problems/{slug}`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from app import __version__
from app.errors import StoreUnavailable
from app.health.schemas import HealthOut, ModelPartOut, PartOut, ReadyOut
from app.http.problem_types import ABOUT_BLANK, problem_called
from app.http.responses import answers, problem_responses
from app.resources import Resources, Use
from app.telemetry.metrics import DEAD_LETTERS, QUEUE_DEPTH, REGISTRY, WORKERS

router = APIRouter(tags=["health"])
_PATIENCE_S = 2.0
"""How long Redis may take here: probes and scrapers give up before the store's own time-outs."""

_READY: dict[str, Any] = {
    "status": "ready",
    "redis": {"state": "ready", "detail": "answers"},
    "worker": {"state": "ready", "detail": "1 of 1 ready"},
    "model": {
        "state": "ready",
        "detail": "HuggingFaceTB/SmolLM2-135M-Instruct on vllm",
        "models": ["HuggingFaceTB/SmolLM2-135M-Instruct"],
    },
}
_LOADING: dict[str, Any] = {
    "status": "not-ready",
    "redis": {"state": "ready", "detail": "answers"},
    "worker": {"state": "loading", "detail": "w-3f2a10: loading the model"},
    "model": {"state": "loading", "detail": "SmolLM2-135M-Instruct: loading", "models": []},
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
    """Answers as long as the process does; looks at nothing else."""
    return HealthOut(status="ok", version=__version__)


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Can requests be answered?",
    responses=answers(_READY, "Ready")
    | answers(_LOADING, "Not yet, or not now: each part says why", status=503, model=ReadyOut),
)
async def readyz(use: Use, response: Response) -> ReadyOut:
    """Redis, the workers and the model, each with its state; 503 until all are ready."""
    try:
        async with _patience():
            ready = await _readiness(use)
    except StoreUnavailable as error:
        unknown = PartOut(state="unknown", detail="Redis knows")
        ready = ReadyOut(
            status="not-ready",
            redis=PartOut(state="away", detail=error.detail),
            worker=unknown,
            model=ModelPartOut(state="unknown", detail="Redis knows", models=[]),
        )
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
async def metrics(use: Use) -> Response:
    """Counters of this process, and the state of queue and workers at this moment."""
    try:
        async with _patience():
            await _sample(use)
    except StoreUnavailable:
        WORKERS.clear()  # better no figure than a stale one; /readyz says that Redis is away
        QUEUE_DEPTH.clear()
        DEAD_LETTERS.clear()
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/problems/{slug}",
    operation_id="get_problem",
    summary="What a problem type means",
    responses=answers(_PROBLEM, "The problem type")
    | problem_responses("invalid-request", ABOUT_BLANK),
)
async def get_problem(slug: str) -> dict[str, str | int]:
    """The page behind a problem document's `type`."""
    problem = problem_called(slug)
    if problem is None or slug == ABOUT_BLANK:
        raise HTTPException(404, f"no problem is called {slug!r}")
    return {
        "type": problem.uri,
        "title": problem.title,
        "status": problem.status,
        "example": problem.example,
    }


@asynccontextmanager
async def _patience() -> AsyncIterator[None]:
    """Raises `StoreUnavailable` when what is within takes too long."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            yield
    except TimeoutError as error:
        raise StoreUnavailable(f"Redis does not answer within {_PATIENCE_S:g} s") from error


async def _readiness(use: Resources) -> ReadyOut:
    workers = await use.fleet.workers()
    pools = {pool.name: pool for pool in await use.fleet.pools()}
    ready = [w for w in workers if w.state == "ready"]
    served = sorted({pools[w.pool].model.name for w in ready if w.pool in pools})
    if ready:
        worker = PartOut(state="ready", detail=f"{len(ready)} of {len(workers)} ready")
        engines = sorted({pools[w.pool].model.engine for w in ready if w.pool in pools})
        model = ModelPartOut(
            state="ready", detail=f"{', '.join(served)} on {', '.join(engines)}", models=served
        )
    elif workers:
        says = "; ".join(f"{w.id}: {w.detail}" for w in workers)
        worker = PartOut(state=workers[0].state, detail=says)
        names = ", ".join(sorted({w.model for w in workers}))
        model = ModelPartOut(
            state=workers[0].state, detail=f"{names}: {workers[0].detail}", models=[]
        )
    else:
        worker = PartOut(state="away", detail="no worker is there")
        model = ModelPartOut(state="away", detail="no worker serves a model", models=[])
    return ReadyOut(
        status="ready" if ready else "not-ready",
        redis=PartOut(state="ready", detail="answers"),
        worker=worker,
        model=model,
    )


async def _sample(use: Resources) -> None:
    workers = await use.fleet.workers()
    WORKERS.clear()
    for state in ("loading", "ready", "draining", "failed"):
        WORKERS.labels(state).set(sum(w.state == state for w in workers))
    pools = await use.fleet.pools()
    backlogs = await use.queue.backlogs([pool.name for pool in pools])
    for pool in pools:
        labels = (pool.model.name, pool.name)
        QUEUE_DEPTH.labels(*labels).set(backlogs[pool.name].depth)
        DEAD_LETTERS.labels(*labels).set(backlogs[pool.name].dead)
