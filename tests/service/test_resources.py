"""Attribute sets, built-in things, models, health and documentation over HTTP."""

import json
import re

import pytest

from tests.service.uploads import BANK, WARMTH, lines
from tests.support import SCENARIO, wait_until


def test_deleting_a_stored_name_uncovers_the_built_in_one(azimuth):
    with azimuth.client() as client:
        for kind, content in (
            ("attribute-sets", json.dumps({"attributes": [WARMTH]})),
            ("banks", lines(*BANK)),
        ):
            path = f"/v1/{kind}/moral-foundations"
            before = client.get(path).json()
            client.put(path, content=content, headers={"Content-Type": "application/json"})
            assert client.get(path).json() != before
            assert client.delete(path).status_code == 204
            assert client.get(path).json() == before
            assert client.delete(path).status_code == 404


def test_an_attribute_set_with_an_unknown_bank_is_refused(azimuth):
    with azimuth.client() as client:
        body = {"bank": "nowhere", "attributes": [WARMTH]}
        assert client.put("/v1/attribute-sets/x", json=body).status_code == 404
        assert client.get("/v1/attribute-sets/x").status_code == 404


def test_the_built_in_sets_and_banks_are_listed(azimuth):
    with azimuth.client() as client:
        sets = [one["name"] for one in client.get("/v1/attribute-sets").json()["attribute_sets"]]
        banks = [one["name"] for one in client.get("/v1/banks").json()["banks"]]
        moral = client.get("/v1/attribute-sets/moral-foundations").json()
        bank = client.get("/v1/banks/moral-foundations").json()
    built_in = {"helpsteer2", "medical-triage", "moral-foundations", "style"}
    assert built_in | {"appropriateness"} <= set(sets)
    assert built_in | {"everyday"} <= set(banks)
    assert [a["name"] for a in moral["attributes"]] == [
        "care", "fairness", "liberty", "loyalty", "authority", "sanctity",
    ]  # fmt: skip
    assert bank["builtin"]
    assert bank["index"]["state"] == "ready"


def test_candidates_are_selected_by_moral_foundations(azimuth):
    body = SCENARIO | {"attribute_set": "moral-foundations", "target": {"care": 1, "loyalty": 0.5}}
    answer = azimuth.post("/v1/select", body).json()
    assert answer["score_set"]["scorer"]["bank"]["name"] == "moral-foundations"
    assert [c["attribute"] for c in answer["score_set"]["cells"]] == ["care", "loyalty"]


def test_readiness_reports_each_part(service):
    service.start_api()
    with service.client() as client:
        absent = client.get("/readyz")
        assert absent.status_code == 503
        assert absent.json()["worker"]["state"] == "away"
        assert absent.json()["redis"]["state"] == "ready"
        service.start_worker()
        ready = client.get("/readyz")
    assert ready.status_code == 200
    model = ready.json()["model"]
    assert {"comparative", "probe"} <= set(model.pop("methods"))
    assert model == {"state": "ready", "detail": "fake on fake", "models": ["fake"]}


def test_models_are_listed_with_what_they_can_do(service):
    service.start_api()
    with service.client() as client:
        assert client.get("/v1/models").json() == {"models": []}
        worker = service.start_worker()
        (model,) = client.get("/v1/models").json()["models"]
        assert model["name"] == model["engine"] == "fake"
        assert (model["state"], model["workers"], model["default"]) == ("ready", 1, True)
        assert {"comparative", "regression"} <= set(model["methods"])
        assert model["reads_digits"]
        assert model["context_length"] == 8192
        worker.stop(10)
        wait_until(lambda: client.get("/v1/models").json()["models"][0]["state"] == "away")
        (model,) = client.get("/v1/models").json()["models"]
        assert model["workers"] == 0


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_pages_need_no_network(azimuth, page):
    with azimuth.client() as client:
        html = client.get(page).text
        assert "openapi.json" in html
        references = re.findall(r"""(?:src|href)=["']([^"']+)["']""", html)
        assert len(references) >= 2
        assert re.findall(r"https?://[^\s\"']+", html) == []
        for reference in references:
            assert reference.startswith("/")
            assert client.get(reference).status_code == 200
        assert client.get("/openapi.json").json()["info"]["title"] == "Azimuth"


def test_bodies_and_banks_have_limits_of_their_own(service):
    service.start_api(AZIMUTH_MAX_BODY_BYTES="2000", AZIMUTH_MAX_BANK_BYTES="20000")

    def bank(characters):
        scenario = {"id": "a", "question": "q" * characters, "responses": ["x"], "labels": [{}]}
        return json.dumps(scenario)

    with service.client() as client:
        assert client.put("/v1/banks/b", content=bank(10_000)).status_code == 200
        long = SCENARIO | {"question": "q" * 3000}
        for refused, setting in (
            (client.put("/v1/banks/b", content=bank(30_000)), "AZIMUTH_MAX_BANK_BYTES"),
            (client.post("/v1/score", json=long), "AZIMUTH_MAX_BODY_BYTES"),
        ):
            assert refused.status_code == 413
            assert setting in refused.json()["detail"]
        assert client.get("/v1/banks/b").json()["scenarios"] == 1
