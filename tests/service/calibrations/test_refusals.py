"""Requests to fit that are refused before any work, and fits that fail."""

import pytest

from tests.service.calibrations.support import (
    BANK,
    HELD_OUT,
    delete,
    ended,
    fitted,
    lines,
    problem_of,
    put,
    score,
    too_long,
)

JOINT_DIGITS = {"reasoning": False, "joint": True}


@pytest.mark.parametrize(
    ("change", "status", "slug", "pointer"),
    [
        ({"bank": "nowhere"}, 404, "unknown-bank", "#/bank"),
        ({"bank": None}, 422, "invalid-request", "#/bank"),
        ({"further_banks": ["nowhere"]}, 404, "unknown-bank", "#/further_banks/0"),
        ({"further_banks": ["labelled"]}, 422, "invalid-request", "#/further_banks/0"),
        ({"further_banks": ["style"]}, 422, "invalid-request", "#/further_banks/0"),
        ({"scenarios": 19}, 422, "invalid-request", "#/scenarios"),
        ({"targets": []}, 422, "invalid-request", "#/targets"),
        ({"attributes": ["wit"]}, 422, "unknown-attribute", "#/attributes/0"),
        ({"attributes": ["coherence"]}, 422, "invalid-request", "#/bank"),
        ({"attribute_set": "x"}, 404, "unknown-attribute-set", "#/attribute_set"),
        ({"scoring": {"orders": 99}}, 422, "invalid-request", "#/scoring/orders"),
        ({"scoring": {"question": "why?"}}, 422, "invalid-request", "#/scoring/question"),
        ({"scoring": {"bank": "x"}}, 404, "unknown-bank", "#/scoring/bank"),
        ({"scoring": {"model": "x"}}, 404, "unknown-model", "#/scoring/model"),
        ({"scoring": {"method": "x"}}, 422, "unknown-method", "#/scoring/method"),
        ({"scoring": {"method": "unaligned"}}, 422, "unknown-method", "#/scoring/method"),
        ({"scoring": JOINT_DIGITS}, 422, "invalid-request", "#/scoring/joint"),
    ],
    ids=str,
)  # fmt: skip
def test_an_invalid_request_is_refused_with_the_field(judged, change, status, slug, pointer):
    problem = problem_of(put(judged, "refused", **change), status, slug)
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert delete(judged, "refused") == 404


@pytest.mark.parametrize("name", ["auto", "none"])
def test_reserved_names_are_refused(judged, name):
    problem = problem_of(put(judged, name), 422, "invalid-request")
    assert "meaning of its own" in problem["detail"]
    assert problem["errors"][0]["pointer"] == "path:name"


def test_an_attribute_that_is_named_twice_is_refused(judged):
    response = put(judged, "twice", attributes=["helpfulness"] * 2)
    assert response.status_code == 422
    pointers = [error["pointer"] for error in response.json()["errors"]]
    assert pointers == ["#/attributes/0", "#/attributes/1"]


@pytest.fixture
def kept(judged, house):
    """A calibration of its own for a test that lets its fit fail; later, so the one in use."""
    yield fitted(judged, "kept")
    with judged.client() as client:
        client.delete("/v1/calibrations/kept").raise_for_status()


def test_too_few_labels_are_refused_and_the_earlier_version_stays_in_use(judged, kept):
    """Before scoring, if the bank has too few labels; else when too few can be scored."""
    with judged.client() as client:
        client.put("/v1/banks/few", content=lines(*BANK[:19]))
        client.put("/v1/banks/lost", content=lines(*BANK[1:20], *too_long(1)))
    response = put(judged, "kept", bank="few")
    assert response.status_code == 422
    assert response.json()["detail"] == (
        "19 scenarios of bank 'few' are labelled on 'helpfulness'; a calibration needs 20"
    )
    assert response.json()["errors"][0]["pointer"] == "#/bank"
    assert put(judged, "kept", bank="lost").status_code == 202
    seen = ended(judged, "kept")
    assert seen["state"] == "failed"
    assert seen["detail"] == (
        "19 scenarios are labelled and scored on 'helpfulness'; a calibration needs 20"
    )
    assert seen["fitted"] == kept
    reference = score(judged, HELD_OUT[0])["calibration"]
    assert (reference["name"], reference["digest"]) == ("kept", kept["digest"])
