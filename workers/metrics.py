"""Prometheus metrics of a worker."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
JOBS = Counter(
    "azimuth_worker_jobs_total",
    "Jobs by outcome: done, expired, retried, buried",
    ["outcome"],
    registry=REGISTRY,
)
JOB_SECONDS = Histogram(
    "azimuth_worker_job_seconds",
    "Time from claim to acknowledgement",
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300),
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
