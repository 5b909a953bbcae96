"""Scoring with examples for a group, from HTTP to the worker and back."""

import pytest

from tests.service.test_rated_banks import RATED, SETUP
from tests.service.uploads import BANK, WARMTH, index_state, lines, put_bank
from tests.support import SCENARIO, grouped, wait_until

TOPICS = ("parcels", "eggs", "trains", "songs", "taxes", "dogs", "rain", "bread")
MANY = [
    RATED[0]
    | {
        "id": f"{topic}-{number}",
        "question": f"What about {topic}, number {number}?",
        "ratings": [
            rating | {"rating": max(1, min(5, rating["rating"] + (number * 7 + place * 3) % 3 - 1))}
            for place, rating in enumerate(RATED[0]["ratings"])
        ],
    }
    for topic in TOPICS
    for number in range(4)
]


@pytest.fixture(scope="module")
def rated(azimuth):
    put_bank(azimuth, "rated", lines(SETUP, *MANY))
    put_bank(azimuth, "few", lines(SETUP, *RATED))
    wait_until(lambda: index_state(azimuth, "rated") == "ready")
    return azimuth


def scored(azimuth, question="What about eggs?", **options):
    return azimuth.post("/v1/score", SCENARIO | grouped(question=question, **options))


def test_a_group_scores_appropriateness_with_its_examples(rated):
    answer = scored(rated, bank="rated", group="north", examples=3).json()
    (cell,) = answer["cells"]
    assert cell["attribute"] == "appropriateness"
    assert len(cell["examples"]) == 3
    scores = [one["score"] for one in cell["examples"]]
    assert scores == sorted(scores)
    assert all({"similarity", "stability", "contrast"} <= one.keys() for one in cell["examples"])
    assert cell["reach"]["questions"] == 32
    scorer = answer["scorer"]
    assert scorer["retrieval"] == "expected"
    assert scorer["group"] == {"name": "north", "version": "group/1"}


def test_each_group_has_scores_of_its_own(rated):
    ids = {scored(rated, bank="rated", group=group).json()["id"] for group in ("north", "south")}
    assert len(ids) == 2
    again = scored(rated, bank="rated", group="north").json()
    assert again["id"] in ids
    assert again["cells"][0]["cached"]


def test_a_target_selects_what_the_group_finds_appropriate(rated):
    body = SCENARIO | grouped(bank="rated", group="north", target={"appropriateness": 1})
    answer = rated.post("/v1/select", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["selection"]["selected"]["id"] in ("long", "short")


@pytest.mark.parametrize("kind", ["similar", "fixed", "spica", "expected"])
def test_every_kind_of_retrieval_serves_a_group(rated, kind):
    answer = scored(rated, bank="rated", group="south", retrieval=kind).json()
    assert answer["scorer"]["retrieval"] == kind
    assert len(answer["cells"][0]["examples"]) == 5


def test_weights_of_the_request_are_part_of_the_scorer(rated):
    weights = {"similarity": -1, "stability": 0, "contrast": 0}
    options = {"bank": "rated", "group": "north", "retrieval": "spica"}
    given = scored(rated, **options, retrieval_weights=weights).json()
    assert given["scorer"]["group"]["weights"] == [-1, 0, 0]
    assert (
        given["scorer"]["fingerprint"] != scored(rated, **options).json()["scorer"]["fingerprint"]
    )
    similar = scored(rated, bank="rated", group="north", retrieval="similar").json()
    for one, other in zip(given["cells"], similar["cells"], strict=True):
        near, same = ([e["similarity"] for e in cell["examples"]] for cell in (one, other))
        assert near == same  # of equally similar ones, either may be shown


def test_weights_that_show_the_same_examples_to_all_are_warned_about(rated):
    weights = {"similarity": 0, "stability": 0, "contrast": -1}
    options = {"bank": "rated", "group": "north", "retrieval": "spica"}
    answer = scored(rated, **options, retrieval_weights=weights).json()
    assert any("is degenerate for group 'north'" in one for one in answer["warnings"])
    assert answer["cells"][0]["reach"]["top_share"] > 0.75


def test_fitted_weights_are_stored_with_the_bank(rated):
    def fitted():
        with rated.client() as client:
            return client.get("/v1/banks/rated").json()["group_retrieval"]

    wait_until(fitted, what="the weights")
    (groups,) = fitted().values()
    assert set(groups) == {"north", "south"}
    north = groups["north"]
    assert north["weights"]["pairs"] == 32 * 31
    assert set(north["reach"]) == {"spica", "expected"}


def test_a_bank_without_classes_has_similar_examples_and_says_so(rated):
    plain = [{k: v for k, v in one.items() if k != "response_classes"} for one in RATED]
    put_bank(rated, "plain?rating_scale=1..5", lines(*plain))
    answer = scored(rated, bank="plain", group="north").json()
    assert answer["scorer"]["retrieval"] == "similar"
    assert any("has no response classes" in warning for warning in answer["warnings"])
    problem = scored(rated, bank="plain", group="north", retrieval="expected")
    assert (problem.status_code, problem.json()["lacks"]) == (422, "classes")
    weights = {"similarity": -1, "stability": -1, "contrast": 1}
    given = scored(rated, bank="plain", group="north", retrieval="spica", retrieval_weights=weights)
    assert given.status_code == 200, given.text


@pytest.mark.parametrize(
    ("options", "slug", "pointer"),
    [
        ({"bank": "rated", "group": "east"}, "unknown-group", "#/scoring/group"),
        ({"bank": "helpsteer2", "group": "north"}, "unsuitable-bank", "#/scoring/bank"),
        ({"bank": "rated", "attributes": [WARMTH]}, "unsuitable-bank", "#/scoring/bank"),
        ({"group": "north"}, "invalid-request", "#/scoring/bank"),
        ({"bank": "rated", "retrieval": "spica"}, "invalid-request", "#/scoring/retrieval"),
        (
            {
                "bank": "rated",
                "group": "north",
                "retrieval_weights": {"similarity": 0, "stability": 0, "contrast": 0},
            },
            "invalid-request",
            "#/scoring/retrieval_weights",
        ),
    ],
)
def test_what_a_bank_or_a_request_lacks_is_a_problem(rated, options, slug, pointer):
    problem = scored(rated, **options)
    assert problem.status_code == 422
    assert problem.json()["type"] == f"/problems/{slug}"
    assert problem.json()["errors"][0]["pointer"] == pointer


def test_nothing_is_fitted_on_a_bank_without_labels(rated):
    body = {"bank": "rated", "attributes": [WARMTH], "scoring": {"bank": None}}
    with rated.client() as client:
        problem = client.put("/v1/calibrations/rated", json=body)
    assert problem.json()["type"] == "/problems/unsuitable-bank", problem.text


def test_a_group_without_examples_has_no_effect(rated):
    answer = scored(rated, bank="rated", group="north", examples=0).json()
    assert "prompts show no examples, so the group has no effect" in answer["warnings"]
    plain = scored(rated, attribute_set="appropriateness").json()
    assert answer["scorer"]["fingerprint"] == plain["scorer"]["fingerprint"]


def test_a_bank_with_labels_and_ratings_serves_both(rated):
    both = [one | {"labels": line["labels"]} for one, line in zip(RATED, BANK, strict=True)]
    put_bank(rated, "both", lines(SETUP, *both))
    answer = scored(rated, bank="both", group="north", attributes=[WARMTH]).json()
    assert [cell["attribute"] for cell in answer["cells"]] == ["warmth"]
    assert answer["cells"][0]["examples"]
    assert scored(rated, bank="both", attributes=[WARMTH]).json()["cells"][0]["examples"]
