"""Fits under way: progress, deletion, and processes that end."""

import os
import signal
from urllib.parse import quote

from tests.service.calibrations.support import (
    COUNT,
    SLOW_COUNT,
    begin_slowly,
    delete,
    ended,
    fitted,
    last_job,
    look,
    problem_of,
    put,
    scorer,
    second_api,
    slow_fit,
    store_banks,
)
from tests.support import wait_until


def test_progress_is_shown_and_a_second_fit_of_the_same_name_is_refused(judged):
    begin_slowly(judged, "running", 100)
    seen = look(judged, "running")
    assert seen["state"] == "scoring"
    assert 4 <= seen["done"] < seen["total"] == SLOW_COUNT
    assert seen["detail"] == f"{seen['done']} of {SLOW_COUNT} scenarios are scored"
    problem = problem_of(put(judged, "running"), 409, "calibration-running")
    assert "'running' is being fitted" in problem["detail"]
    with judged.client() as client:
        listed = client.get("/v1/calibrations").json()["calibrations"]
    assert "running" in [one["name"] for one in listed if one["state"] == "scoring"]
    assert delete(judged, "running") == 204


def test_names_may_have_any_letters_spaces_and_slashes(judged):
    name = "评审, $100,000 or more/some"
    path = f"/v1/calibrations/{quote(name, safe='')}"
    with judged.client() as client:
        started = client.put(path, json={"bank": "short"} | scorer(reasoning_chars=140))
        assert started.status_code == 202, started.text
        assert started.headers["location"] == path
        assert client.get(path).json()["name"] == name
        assert name in [
            one["name"] for one in client.get("/v1/calibrations").json()["calibrations"]
        ]
        assert client.delete(path).status_code == 204


def test_deleting_stops_a_fit_for_good(judged):
    begin_slowly(judged, "gone", 110)
    assert delete(judged, "gone") == 204
    assert delete(judged, "gone") == 404
    wait_until(lambda: judged.jobs() == 0, what="the end of the jobs in flight")
    with judged.client() as client:
        response = client.get("/v1/calibrations/gone")
    problem_of(response, 404, "unknown-calibration")
    assert put(judged, "gone", bank="nowhere").status_code == 404  # and not 409: its fit has ended


def test_a_fit_whose_process_is_killed_can_resume_to_the_same_result(judged, tmp_path):
    with second_api(judged, tmp_path) as other:
        begin_slowly(other, "cut", 120)
        os.kill(other.api_child.pid, signal.SIGKILL)
        other.api_child.process.wait(20)
    cut = ended(judged, "cut")
    assert cut["state"] == "interrupted"
    assert "PUT it again to continue" in cut["detail"]
    assert 0 < cut["done"] < SLOW_COUNT
    assert "fitted" not in cut
    whole = fitted(judged, "cut", **slow_fit(120))
    assert whole["scenarios"] == SLOW_COUNT
    before = last_job(judged)
    again = fitted(judged, "never-cut", **slow_fit(120))
    assert again["digest"] == whole["digest"]
    assert last_job(judged) == before  # cached scores are not made again


def test_a_process_that_is_stopped_leaves_its_fit_interrupted_at_once(judged, tmp_path):
    """Nothing is fitted on the part that is scored by then."""
    with second_api(judged, tmp_path) as other:
        begin_slowly(other, "stopped", 130)
        other.api_child.process.terminate()
        assert other.api_child.process.wait(20) in (0, -signal.SIGTERM)
        stopped = look(judged, "stopped")
    assert stopped["state"] == "interrupted"
    assert stopped["done"] < SLOW_COUNT
    assert "fitted" not in stopped
    assert stopped["left_out"] == {}
    assert delete(judged, "stopped") == 204


def test_a_fit_waits_for_a_known_worker_and_is_a_503_without_one(service, labels):
    service.start_api()
    store_banks(service)
    response = put(service, "waits")
    problem_of(response, 503, "model-not-ready")
    assert response.headers["retry-after"]
    worker = service.start_worker(**labels)
    worker.process.terminate()
    worker.process.wait(10)
    assert put(service, "waits").status_code == 202
    wait_until(lambda: service.jobs() > 0, what="waiting jobs")
    assert look(service, "waits")["done"] == 0
    service.start_worker(ready=False, **labels)
    wait_until(lambda: look(service, "waits")["done"] == COUNT, what="all scores")
    assert delete(service, "waits") == 204
