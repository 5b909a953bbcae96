"""A committee of two real judges, however tiny: one reads states, the other digits."""

from __future__ import annotations

import pytest

from tests.model.test_states import bank
from tests.model.tiny_judges import make_decoder
from tests.support import wait_until

pytestmark = pytest.mark.model
JUDGES = [
    {"model": "reader", "method": "probe"},
    {"model": "teller", "method": "comparative", "reasoning": False},
]
SCORING = {"method": "probe", "bank": None, "model": JUDGES}
ASKED = {"attributes": ["helpfulness"], "scoring": SCORING}


@pytest.mark.timeout(400)
def test_states_of_one_judge_and_digits_of_another_make_one_score(service, small_model, tmp_path):
    service.start_api(AZIMUTH_WAIT_S="300")
    service.client().close()  # which waits for the API
    for name, engine in (("reader", "states"), ("teller", "outlines")):
        folder = make_decoder(tmp_path / name, small_model)
        service.start_worker(
            ready=False,
            AZIMUTH_ENGINE=engine,
            AZIMUTH_MODEL=str(folder),
            AZIMUTH_MODEL_NAME=name,
            AZIMUTH_DTYPE="float32",
            **({"AZIMUTH_STATE_LAYERS": "1,2"} if engine == "states" else {}),
        )
    with service.client(300) as client:

        def both():
            return len(client.get("/readyz").json()["model"].get("models", [])) == 2

        wait_until(both, timeout_s=200, what="both judges")
        client.put("/v1/banks/mine", content=bank()).raise_for_status()
        client.put("/v1/calibrations/mine", json=ASKED | {"bank": "mine"}).raise_for_status()

        def fitted():
            seen = client.get("/v1/calibrations/mine").json()
            assert seen["state"] not in ("failed", "interrupted"), seen
            return seen.get("fitted")

        reports = wait_until(fitted, timeout_s=300, what="the fit")["reports"]
    named = {one["judge"] for report in reports for one in report["judges"]}
    assert named == {"reader (probe)", "teller (digits)"}
    body = ASKED | {
        "question": "How do I prepare peas?",
        "responses": ["It should be warm and tender.", "It should be stale and burnt."],
        "show_judges": True,
    }
    answer = service.post("/v1/score", body).json()
    assert answer["calibration"]["name"] == "mine"
    told = next(judge for judge in answer["judges"] if judge["model"] == "teller")
    assert len(told["cells"][0]["scores"][0]["digit_probabilities"]) == 5
    read = next(judge for judge in answer["judges"] if judge["model"] == "reader")
    assert read["cells"][0]["kind"] == "states"
