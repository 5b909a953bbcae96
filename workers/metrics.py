"""Prometheus metrics of a worker.

Names and labels are stable. No label has values that users choose.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from app.domain.cells import Cell, Unscored

_SECONDS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
REGISTRY = CollectorRegistry()
JOBS = Counter(
    "azimuth_worker_jobs_total",
    "Jobs by outcome: done, expired, retried, buried",
    ["outcome"],
    registry=REGISTRY,
)
QUEUE_WAIT = Histogram(
    "azimuth_worker_queue_wait_seconds",
    "Time from the submission of a job to its first start",
    buckets=_SECONDS,
    registry=REGISTRY,
)
JOB_SECONDS = Histogram(
    "azimuth_worker_job_seconds",
    "Time from claim to acknowledgement",
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300),
    registry=REGISTRY,
)
RETRIEVAL_SECONDS = Histogram(
    "azimuth_worker_retrieval_seconds",
    "Time to retrieve the examples of a scored cell",
    buckets=(0.001, *_SECONDS[:-2]),
    registry=REGISTRY,
)
ENGINE_SECONDS = Histogram(
    "azimuth_worker_engine_seconds",
    "Time that the engine took for a scored cell",
    buckets=_SECONDS,
    registry=REGISTRY,
)
CELLS = Counter(
    "azimuth_worker_cells_total",
    "Cells scored, or unscored by reason",
    ["result"],
    registry=REGISTRY,
)
TOKENS = Counter(
    "azimuth_worker_tokens_total", "Tokens of scored cells", ["kind"], registry=REGISTRY
)


def count_result(result: Cell | Unscored) -> None:
    """Count a settled cell, with its tokens and times."""
    if isinstance(result, Unscored):
        CELLS.labels(result.reason).inc()
        return
    CELLS.labels("scored").inc()
    TOKENS.labels("prompt").inc(result.usage.prompt_tokens)
    TOKENS.labels("cached_prompt").inc(result.usage.cached_prompt_tokens)
    TOKENS.labels("output").inc(result.usage.output_tokens)
    ENGINE_SECONDS.observe(result.timings.engine / 1000)
    if result.examples:
        RETRIEVAL_SECONDS.observe(result.timings.retrieval / 1000)
