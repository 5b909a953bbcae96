"""Metrics and logs of an API process and a worker."""

import json
import re
from pathlib import Path

import httpx

from scripts.serve.processes import free_port
from tests.support import SCENARIO, wait_until

ROOT = Path(__file__).resolve().parents[2]


def test_metrics_count_cells_requests_and_workers(service):
    service.start_api()
    service.start_worker()
    for _ in range(2):
        service.post("/v1/score", SCENARIO)
    with service.client() as client:
        text = client.get("/metrics").text
    assert 'azimuth_cache_lookups_total{result="miss"} 5.0' in text
    assert 'azimuth_cache_lookups_total{result="hit"} 5.0' in text
    assert 'azimuth_backlog_jobs{model="fake"} 0.0' in text
    assert 'azimuth_unscored_cells_total{reason="context-overflow"} 0.0' in text
    assert 'azimuth_cells_total{result="scored"} 5.0' in text
    assert 'azimuth_cells_total{result="cached"} 5.0' in text
    assert 'azimuth_requests_total{operation="score",status="200"} 2.0' in text
    assert 'azimuth_workers{state="ready"} 1.0' in text


def test_one_request_id_finds_a_request_in_both_logs(service):
    service.start_api()
    service.start_worker()
    service.post("/v1/score", SCENARIO, {"X-Request-Id": "find-me"})
    for name, message in (("api", "POST /v1/score 200"), ("worker", "job done")):
        wait_until(lambda: message in service.log(name))  # noqa: B023
        entries = [json.loads(x) for x in service.log(name).splitlines() if "find-me" in x]
        assert message in [e["message"] for e in entries]
        assert all(e["score_set"] for e in entries)


def test_every_line_about_a_failed_request_has_its_id(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="overloaded:1")
    given = {"X-Request-Id": "find-me", "Prefer": "respond-async"}
    service.post("/v1/score", SCENARIO | {"deadline_s": 2}, given)
    wait_until(lambda: "job expired" in service.log("worker"))
    about_jobs = [e for e in entries_of(service.log("worker")) if e["message"].startswith("job")]
    assert {e["message"].partition(":")[0] for e in about_jobs} == {"job failed", "job expired"}
    assert {e.get("request_id") for e in about_jobs} == {"find-me"}
    assert len({e.get("job") for e in about_jobs}) == 1


def test_the_fields_of_log_lines_are_documented(service):
    text = (ROOT / "docker" / "README.md").read_text("utf-8")
    section = text.partition("\n## Logs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    service.start_api()
    service.start_worker()
    service.post("/v1/select", SCENARIO | {"target": {"helpfulness": 1}})
    wait_until(lambda: "job done" in service.log("worker"))
    wait_until(lambda: "POST /v1/select 200" in service.log("api"))  # logged after the answer
    entries = entries_of(service.log("api")) + entries_of(service.log("worker"))
    logged = {member for entry in entries for member in entry}
    assert logged >= {"request_id", "job", "engine_ms", "bank", "pool"}
    assert logged - documented == set()


def entries_of(log: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def test_a_worker_s_own_metrics_count_jobs_cells_and_tokens_by_kind(service):
    port = free_port()
    service.start_api()
    service.start_worker(AZIMUTH_WORKER_METRICS_PORT=str(port))
    body = SCENARIO | {"attributes": ["helpfulness", "coherence"]}
    usages = [cell["usage"] for cell in service.post("/v1/score", body).json()["cells"]]
    wait_until(lambda: '"job done"' in service.log("worker"), what="the end of the job")
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    for kind in ("prompt", "cached_prompt", "output"):
        spent = sum(usage[f"{kind}_tokens"] for usage in usages)
        assert f'azimuth_worker_tokens_total{{kind="{kind}"}} {float(spent)}' in text
    assert 'azimuth_worker_cells_total{result="scored"} 2.0' in text
    assert 'azimuth_worker_jobs_total{outcome="done"} 1.0' in text
    assert "azimuth_worker_queue_wait_seconds_count 1.0" in text
    for part in ("engine", "retrieval"):
        assert f"azimuth_worker_{part}_seconds_count 2.0" in text


def test_metrics_have_margins_and_abstentions_of_select(service):
    service.start_api()
    service.start_worker()
    body = SCENARIO | {"target": {"helpfulness": 1.0}}
    margin = service.post("/v1/select", body).json()["selection"]["margin"]
    abstaining = service.post("/v1/select", body | {"selection": {"min_margin": margin + 1}})
    assert abstaining.json()["selection"]["selected"] is None
    with service.client() as client:
        text = client.get("/metrics").text
    assert 'azimuth_selection_margin_count{kind="distance"} 2.0' in text
    assert 'azimuth_abstentions_total{reason="min-margin"} 1.0' in text
    assert 'azimuth_abstentions_total{reason="max-distance"} 0.0' in text
