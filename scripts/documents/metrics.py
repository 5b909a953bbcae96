"""Write the tables of metrics in `docker/README.md`: `python -m scripts.documents metrics`."""

from __future__ import annotations

from types import ModuleType

from prometheus_client.metrics import MetricWrapperBase

from app.telemetry import metrics as api_metrics
from scripts.documents.tables import Tables
from workers import metrics as worker_metrics

MODULES = {"An API process": api_metrics, "A worker": worker_metrics}


def tables() -> str:
    """One Markdown table for each kind of process."""
    return "\n\n".join(_table(title, module) for title, module in MODULES.items())


def _table(title: str, module: ModuleType) -> str:
    rows = [f"### {title}: metrics", "", "| Metric | Type | Labels | |", "|---|---|---|---|"]
    for metric in vars(module).values():
        if isinstance(metric, MetricWrapperBase):
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            (family,) = metric.describe()
            # The client strips the suffix that Prometheus shows.
            name = f"{family.name}_total" if family.type == "counter" else family.name
            rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation}. |")
    return "\n".join(rows)


TABLES = Tables("metrics", tables)
