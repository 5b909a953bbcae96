"""`/respond` over HTTP, with the fake engine: candidates, choices, and what fails."""

import pytest

from tests.service.test_generating import RATED, SETUP
from tests.service.test_problems import problem_of
from tests.service.uploads import lines, put_bank
from tests.support import Service

ASKED = {"messages": [{"role": "user", "content": "May I keep a goat?"}]}
MUTE = {"rating_scale": SETUP["rating_scale"], "response_classes": {"apology": "Apologise."}}


@pytest.fixture(scope="module")
def rated(azimuth: Service) -> Service:
    assert put_bank(azimuth, "goats", lines(SETUP, *RATED)).status_code == 200
    return azimuth


def responded(service: Service, **body) -> dict:
    answer = service.post("/v1/respond", ASKED | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(("group", "chosen"), [("north", "apology"), ("south", "advice")])
def test_one_candidate_is_written_for_each_class_and_one_chosen_for_a_group(rated, group, chosen):
    answer = responded(rated, bank="goats", group=group)
    assert {text["response_class"] for text in answer["texts"]} == {"apology", "advice"}
    texts = {text["id"]: text["text"] for text in answer["texts"]}
    assert len(set(texts.values())) == 2
    assert answer["selected"] == {"id": chosen, "response_class": chosen, "text": texts[chosen]}
    assert answer["people"]


def test_a_person_and_several_groups_are_chosen_for(rated):
    ratings = [{"rating": 5, "response_class": "advice"}] * 3
    person = responded(rated, bank="goats", person={"ratings": ratings})
    assert person["selected"]["response_class"] in ("apology", "advice")
    groups = responded(rated, bank="goats", groups=["north", "south"])
    assert groups["selected"] is not None


def test_drawn_candidates_are_scored_and_chosen_for_a_target(azimuth):
    body = {"writing": {"samples": 3, "seed": 2}, "target": {"helpfulness": 1}}
    answer = responded(azimuth, **body)
    assert [text["id"] for text in answer["texts"]] == ["0", "1", "2"]
    assert answer["score_set"]["status"] == "complete"
    selected = answer["selection"]["selected"]
    assert answer["selected"]["id"] == selected["id"]
    assert answer["choosing"]["usage"]["prompt_tokens"] > 0
    again = responded(azimuth, **body)
    assert all(text["cached"] for text in again["texts"])
    assert again["selected"] == answer["selected"]


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({}, 422, "invalid-request"),
        ({"group": "north"}, 422, "invalid-request"),
        ({"bank": "goats", "group": "east"}, 422, "invalid-request"),
        ({"bank": "none", "group": "north"}, 404, "unknown-bank"),
        ({"bank": "goats", "classes": ["apology", "x"], "group": "north"}, 422, "invalid-request"),
        ({"bank": "goats", "classes": ["apology"], "group": "north"}, 422, "unsuitable-bank"),
        ({"writing": {"samples": 2}, "target": {"nonsense": 1}}, 422, "unknown-attribute"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_before_anything_is_written(rated, body, status, slug):
    before = len(rated.redis.keys("azimuth:ss:*"))
    problem_of(rated.post("/v1/respond", ASKED | body), status, slug)
    assert len(rated.redis.keys("azimuth:ss:*")) == before


def test_a_class_without_an_instruction_is_reported(azimuth):
    put_bank(azimuth, "mute", lines(MUTE, *RATED))
    body = {"bank": "mute", "group": "north", "writing": {"samples": 2}}
    answer = responded(azimuth, **body)
    assert {text["response_class"] for text in answer["texts"]} == {"apology"}
    assert any("'advice' has no instruction" in warning for warning in answer["warnings"])
