"""Prometheus metrics of an API process.

Names and labels are stable. `model` and `pool` are the only labels whose values users choose.
"""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.domain.cells import UnscoredReason
from app.domain.hostile.rules import REASONS
from app.domain.selection.uncertainty import AbstentionReason

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "azimuth_requests_total",
    "Requests answered, by operation of the contract and HTTP status",
    ["operation", "status"],
    registry=REGISTRY,
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
CACHE_LOOKUPS = Counter(
    "azimuth_cache_lookups_total",
    "Cells looked up in the score cache: `hit`, or `miss` if they had to be scored",
    ["result"],
    registry=REGISTRY,
)
UNSCORED = Counter(
    "azimuth_unscored_cells_total",
    "Cells answered without a score, by reason",
    ["reason"],
    registry=REGISTRY,
)
TOKENS = Counter(
    "azimuth_tokens_total",
    "Tokens of the cells scored while a request waited",
    ["kind"],
    registry=REGISTRY,
)
MARGINS = Histogram(
    "azimuth_selection_margin",
    "Margin of a selection by `/select`; a `distance`, or a `preference` of methods that choose",
    ["kind"],
    buckets=(0.001, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1),
    registry=REGISTRY,
)
ABSTENTIONS = Counter(
    "azimuth_abstentions_total",
    "Answers of `/select` that select nothing, by the limit that was missed",
    ["reason"],
    registry=REGISTRY,
)
HOSTILE = Counter(
    "azimuth_hostile_candidates_total",
    "Candidates flagged as attacks on the judge, by reason; one may have several",
    ["reason"],
    registry=REGISTRY,
)
# Gauges are read for each answer (`app.telemetry.exposition`); these describe them.
BACKLOG = Gauge(
    "azimuth_backlog_jobs",
    "Jobs waiting or started, over all pools of a model: the figure for autoscalers",
    ["model"],
    registry=REGISTRY,
)
QUEUE_DEPTH = Gauge(
    "azimuth_queue_jobs", "Jobs waiting or started", ["model", "pool"], registry=REGISTRY
)
DEAD_LETTERS = Gauge(
    "azimuth_dead_letter_jobs", "Jobs given up", ["model", "pool"], registry=REGISTRY
)
WORKERS = Gauge("azimuth_workers", "Live workers", ["state"], registry=REGISTRY)

# Rates need a first value: a counter that starts at 1 seems not to have grown.
for _result in ("cached", "scored", "unscored"):
    CELLS.labels(_result)
for _result in ("hit", "miss"):
    CACHE_LOOKUPS.labels(_result)
for _kind in ("prompt", "cached_prompt", "output"):
    TOKENS.labels(_kind)
for _reason in get_args(UnscoredReason):
    UNSCORED.labels(_reason)
for _reason in get_args(AbstentionReason):
    ABSTENTIONS.labels(_reason)
for _reason in REASONS:
    HOSTILE.labels(_reason)
