"""All metrics of the API in Prometheus' text format, whatever the number of its processes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.telemetry.metrics import REGISTRY

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that names the folder in which processes keep their counts for each other.
The client reads it when it is imported."""


class Sampled(Collector):
    """Gauges with what they have been read as for one answer.

    The gauges' own values would not do: of several processes each has its own.
    """

    def __init__(self) -> None:
        self._values: dict[Gauge, dict[tuple[str, ...], float]] = defaultdict(dict)

    def set(self, gauge: Gauge, value: float, *labels: str) -> None:
        """Set the value for some labels."""
        self._values[gauge][labels] = value

    def collect(self) -> Iterator[Metric]:
        """The gauges that were set."""
        for gauge, values in self._values.items():
            (described,) = gauge.describe()
            family = GaugeMetricFamily(
                described.name, described.documentation, labels=gauge._labelnames
            )
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family


class _Counted(Collector):
    """Counters and histograms: the sums over all processes, those that have ended included."""

    def collect(self) -> Iterator[Metric]:
        """Every one of them."""
        own = list(REGISTRY.collect())
        if folder := os.environ.get(SHARED_FOLDER):
            texts = {family.name: family.documentation for family in own}
            several: Any = MultiProcessCollector
            families = list(several(CollectorRegistry(), path=folder).collect())
            for family in families:
                family.documentation = texts.get(family.name, family.documentation)
        else:
            families = own
        return (family for family in families if family.type != "gauge")


def exposition(sampled: Sampled) -> bytes:
    """Counts of all processes, and the gauges."""
    registry = CollectorRegistry()
    registry.register(_Counted())
    registry.register(sampled)
    return generate_latest(registry)
