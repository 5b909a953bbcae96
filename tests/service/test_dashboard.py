"""Every query of the Grafana dashboard names metrics and labels that the service has."""

import json
import re
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from scripts.serve.processes import free_port
from tests.support import SCENARIO, Service, running_service, wait_until

DASHBOARD = (
    Path(__file__).resolve().parents[2] / "docker" / "observability" / "grafana" / "azimuth.json"
)
QUERIES = [
    target["expr"]
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    for target in panel.get("targets", [])
]
_FUNCTIONS = {"histogram_quantile", "sum", "max", "rate", "by"}
Samples = dict[str, set[str]]
"""Name of a sample -> its labels."""


def names_in(query: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a query names."""
    grouped = re.findall(r"\bby \(([^)]*)\)", query)
    matched = re.findall(r"\{([^}]*)\}", query)
    labels = {name.strip() for group in grouped for name in group.split(",")}
    labels |= {name for group in matched for name in re.findall(r"(\w+)\s*[=!]", group)}
    rest = re.sub(r"\bby \([^)]*\)|\{[^}]*\}|\[[^\]]*\]", "", query)
    return set(re.findall(r"[a-z_]\w*", rest)) - _FUNCTIONS, labels


def faults_of(query: str, samples: Samples) -> list[str]:
    """Names in a query that the service does not have."""
    metrics, labels = names_in(query)
    unknown = sorted(metrics - samples.keys())
    return unknown or sorted(
        f"{metric}: {label}" for metric in metrics for label in labels - samples[metric]
    )


def samples_of(text: str) -> Samples:
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, set()).update(sample.labels)
    return samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> Samples:
    """What the API and a worker report after a selection."""
    with running_service(tmp_path_factory.mktemp("service")) as service:
        return _reported(service)


def _reported(service: Service) -> Samples:
    port = free_port()
    service.start_api()
    service.start_worker(AZIMUTH_WORKER_METRICS_PORT=str(port))
    service.post("/v1/select", SCENARIO | {"target": {"helpfulness": 1.0}})
    wait_until(lambda: '"job done"' in service.log("worker"))
    own = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return samples_of(httpx.get(service.url + "/metrics").text) | samples_of(own)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_metrics_and_labels_that_exist(query, samples):
    assert names_in(query)[0]
    assert faults_of(query, samples) == []


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("sum by (operation) (rate(azimuth_no_such_total[1m]))", ["azimuth_no_such_total"]),
        ("max by (pool) (azimuth_backlog_jobs)", ["azimuth_backlog_jobs: pool"]),
        ('azimuth_workers{host="a"}', ["azimuth_workers: host"]),
    ],
)
def test_a_name_that_does_not_exist_is_found(query, faults, samples):
    assert faults_of(query, samples) == faults


def test_the_dashboard_shows_every_metric(samples):
    shown = {name for query in QUERIES for name in names_in(query)[0]}
    reported = {re.sub(r"_(count|sum)$", "_bucket", name) for name in samples}
    missing = {name for name in reported - shown if not name.endswith("_created")}
    assert missing == {
        "azimuth_cells_total",  # shown by cache look-up and by reason
        "azimuth_tokens_total",  # shown by the worker, which counts each cell once
    }
