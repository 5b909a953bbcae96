"""`AZIMUTH_DEFAULT_METHOD=auto`: which method requests get that name none, and what they hear."""

import json

import httpx
import pytest

from tests.support import SCENARIO, running_service, wait_until

NAMES = ["helpfulness", "verbosity"]


@pytest.fixture(scope="module")
def choosing(tmp_path_factory):
    """A service that chooses the method; the fake engine serves both."""
    with running_service(tmp_path_factory.mktemp("auto")) as running:
        running.start_api(AZIMUTH_DEFAULT_METHOD="auto")
        running.start_worker()
        yield running


def scored(service, **more):
    response = service.post("/v1/score", SCENARIO | {"attributes": NAMES} | more)
    assert response.status_code == 200, response.text
    return response.json()


def bank() -> bytes:
    lines = [
        {
            "id": str(number),
            "question": f"How do I prepare dish number {number}?",
            "responses": ["Warm it gently. " * (1 + number % 5), "No."],
            "labels": [{"helpfulness": 1, "verbosity": (number % 5) / 4}, {"helpfulness": 0}],
        }
        for number in range(40)
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def test_the_judge_writes_until_a_calibration_is_fitted_and_is_read_from_then_on(choosing):
    before = scored(choosing)
    assert before["scorer"]["method"] == "comparative"
    assert "not for the hidden states of model 'fake'" in before["method_reason"]
    with choosing.client() as client:
        client.put("/v1/banks/mine", content=bank()).raise_for_status()
        fit = {"bank": "mine", "attributes": NAMES}  # a fit reads states where a worker does
        client.put("/v1/calibrations/mine", json=fit).raise_for_status()
        wait_until(
            lambda: client.get("/v1/calibrations/mine").json()["state"] == "ready",
            timeout_s=100,
            what="the fit",
        )
    after = scored(choosing)
    assert after["scorer"]["method"] == "probe"
    assert "'mine' covers all" in after["method_reason"]
    body = SCENARIO | {"target": {"helpfulness": 1}}
    selected = choosing.post("/v1/select", body).json()
    assert selected["score_set"]["method_reason"] == after["method_reason"]
    other = scored(choosing, attributes=["helpfulness", "coherence"])
    assert other["scorer"]["method"] == "comparative"
    assert "not for the hidden states of model 'fake'" in other["method_reason"]
    new = SCENARIO | {"attributes": NAMES, "question": "Another?"}
    pending = choosing.post("/v1/score", new, {"Prefer": "respond-async"})
    assert pending.status_code == 202
    assert pending.json()["method_reason"] == after["method_reason"]


def test_a_request_that_names_its_method_gets_it_and_no_reason(choosing):
    named = scored(choosing, scoring={"method": "comparative"})
    assert "method_reason" not in named
    refused = choosing.post(
        "/v1/score", SCENARIO | {"attributes": ["coherence"], "scoring": {"method": "probe"}}
    )
    assert refused.status_code == 422
    assert "calibration" in refused.json()["detail"]


def test_readiness_and_models_name_the_methods_that_are_ready(choosing):
    ready = httpx.get(choosing.url + "/readyz").json()
    assert {"comparative", "probe"} <= set(ready["model"]["methods"])
    (model,) = httpx.get(choosing.url + "/v1/models").json()["models"]
    assert (model["engine"], model["state"]) == ("fake", "ready")
