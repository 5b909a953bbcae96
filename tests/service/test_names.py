"""Names of banks, attribute sets, calibrations and attributes."""

import json
from urllib.parse import quote

import pytest

from tests.service.uploads import BANK, WARMTH, lines, put_bank
from tests.support import SCENARIO, grouped


def test_labels_under_names_with_spaces_and_signs_serve_as_examples(azimuth):
    """Attributes of ALIGN's own data."""
    name = "INCOME_$100,000 or more"
    labelled = [b | {"labels": [{name: 1}, {name: 0}], "reasonings": None} for b in BANK]
    answer = put_bank(azimuth, "align-names", lines(*labelled)).json()
    assert list(answer["labels"]) == [name]
    asked = {"name": name, "definition": "What the rich prefer."}
    scored = azimuth.post("/v1/score", SCENARIO | grouped(attributes=[asked], bank="align-names"))
    (cell,) = scored.json()["cells"]
    assert (cell["attribute"], len(cell["examples"])) == (name, 2)


NAMES = [
    "INCOME_$100,000 or more",
    "Moral judgement",
    "EDUCATION_College graduate/some postgrad",
    "评审",
    "100 % a?b#c&d;e=f/../g@h",
    'Zoë\'s "tone" <b>\\',
    ".hidden",
    "-x",
    "x" * 128,
]
"""Names that people give to things."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["banks", "attribute-sets"])
def test_things_are_stored_read_listed_and_deleted_under_any_name(azimuth, kind, name):
    content = {
        "banks": lines(*BANK),
        "attribute-sets": json.dumps({"attributes": [WARMTH | {"name": name}]}),
    }[kind]
    path = f"/v1/{kind}/{quote(name, safe='')}"
    with azimuth.client() as client:
        headers = {"Content-Type": "application/json"}
        assert client.put(path, content=content, headers=headers).json()["name"] == name
        assert client.get(path).json()["name"] == name
        listed = client.get(f"/v1/{kind}").json()[kind.replace("-", "_")]
        assert name in [one["name"] for one in listed]
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", NAMES[2:5])
def test_the_location_of_a_calibration_leads_to_it_under_any_name(azimuth, name):
    with azimuth.client() as client:
        path = f"/v1/calibrations/{quote(name, safe='')}"
        body = {"bank": "helpsteer2", "scenarios": 20}
        started = client.put(path, json=body)
        assert started.status_code == 202, started.text
        assert client.get(started.headers["location"]).json()["name"] == name
        assert client.delete(path).status_code == 204


def test_names_are_compared_in_one_normal_form(azimuth):
    """The two ways of writing é look the same, so they are the same name."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    with azimuth.client() as client:
        path = f"/v1/attribute-sets/{quote(decomposed)}"
        body = {"attributes": [WARMTH | {"name": decomposed}]}
        assert client.put(path, json=body).json()["name"] == composed
        found = client.get(f"/v1/attribute-sets/{quote(composed)}").json()
        assert found["attributes"][0]["name"] == composed
        target = grouped(attribute_set=decomposed, bank=None, target={decomposed: 1})
    answer = azimuth.post("/v1/select", SCENARIO | target)
    assert answer.status_code == 200
    assert [c["attribute"] for c in answer.json()["score_set"]["cells"]] == [composed]
    twice = SCENARIO | target | {"target": {composed: 1, decomposed: 0}}
    refused = azimuth.post("/v1/select", twice)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/target"


def test_an_attribute_of_any_name_is_scored_and_selected_by(azimuth):
    names = ["INCOME_$100,000 or more", "EDUCATION_College graduate/some postgrad", "评审", "a@b"]
    attributes = [WARMTH | {"name": name} for name in names]
    body = SCENARIO | grouped(attributes=attributes, bank=None)
    scored = azimuth.post("/v1/score", body).json()
    assert [cell["attribute"] for cell in scored["cells"]] == names
    targets = dict.fromkeys(names, 1.0)
    answer = azimuth.post("/v1/retarget", {"score_set_ids": scored["id"], "targets": targets})
    (pair,) = answer.json()["pairs"]
    assert pair["selection"]["selected"]


@pytest.mark.parametrize(
    "name",
    ["%20", "%20x", "x%20", "a%0Ab", "a%00b", "%E2%80%A8", "%2E%2E", "x" * 129, "%FF", "%ED%A0%80"],
)
def test_an_invalid_name_is_refused(azimuth, name):
    with azimuth.client() as client:
        response = client.put(f"/v1/banks/{name}", content=lines(*BANK))
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "path:name"


def test_the_name_of_a_choice_s_cell_is_reserved(azimuth):
    body = SCENARIO | grouped(attributes=[WARMTH | {"name": "(choice)"}], bank=None)
    response = azimuth.post("/v1/score", body)
    assert response.status_code == 422
    assert "reserved" in response.json()["detail"]
