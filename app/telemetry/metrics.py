"""Prometheus metrics of an API process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "azimuth_requests_total", "Requests answered", ["operation", "status"], registry=REGISTRY
)
LATENCY = Histogram(
    "azimuth_request_seconds",
    "Time to answer a request",
    ["operation"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
    registry=REGISTRY,
)
CELLS = Counter(
    "azimuth_cells_total",
    "Cells answered: from the cache, scored while the request waited, or unscored",
    ["result"],
    registry=REGISTRY,
)
TOKENS = Counter(
    "azimuth_tokens_total",
    "Tokens of the cells scored while a request waited",
    ["kind"],
    registry=REGISTRY,
)
QUEUE_DEPTH = Gauge(
    "azimuth_queue_jobs", "Jobs waiting or started", ["model", "pool"], registry=REGISTRY
)
DEAD_LETTERS = Gauge(
    "azimuth_dead_letter_jobs", "Jobs given up", ["model", "pool"], registry=REGISTRY
)
WORKERS = Gauge("azimuth_workers", "Live workers", ["state"], registry=REGISTRY)
