"""Banks with ratings over HTTP: uploads, groups, findings."""

import json

import pytest

from tests.service.uploads import BANK, lines, put_bank

SETUP = {
    "rating_scale": {"low": 1, "high": 5},
    "response_classes": {"apology": "Apologise first.", "advice": "Give advice."},
}
RATED = [
    {
        "id": f"q{place}",
        "question": question,
        "responses": ["Sorry to hear that!", "Read the manual."],
        "response_classes": ["apology", "advice"],
        "ratings": [
            {"rater": f"{group}-{rater}", "group": group, "response": response, "rating": rating}
            for group, ratings in (("north", (5, 2)), ("south", (1, 4)))
            for rater in (1, 2)
            for response, rating in enumerate(ratings)
        ],
    }
    for place, question in enumerate(["My parcel is late.", "How do I boil an egg well?"])
]


def test_ratings_are_described_for_each_group(azimuth):
    answer = put_bank(azimuth, "rated", lines(SETUP, *RATED))
    assert answer.status_code == 200, answer.text
    with azimuth.client() as client:
        stored = client.get("/v1/banks/rated").json()
    assert stored["ratings"] == answer.json()["ratings"]
    assert stored["labels"] == {}
    ratings = stored["ratings"]
    assert ratings["scale"] == {"low": 1, "high": 5}
    assert ratings["response_classes"] == SETUP["response_classes"]
    assert (ratings["raters"], ratings["ratings"]) == (4, 16)
    assert ratings["groups"]["north"] == {
        "raters": 2,
        "ratings": 8,
        "scenarios": 2,
        "agreement": 1,
        "stability": {"mean": 0, "scenarios": 2},
        "contrast": {"mean": 2.25, "scenarios": 2},
    }


def test_a_bank_may_have_labels_and_ratings(azimuth):
    both = [rated | {"labels": line["labels"]} for rated, line in zip(RATED, BANK, strict=True)]
    answer = put_bank(azimuth, "both?rating_scale=1..5", lines(*both)).json()
    assert answer["labels"]["warmth"]["labels"] == 4
    assert set(answer["ratings"]["groups"]) == {"north", "south"}


def test_a_bank_without_ratings_has_none(azimuth):
    assert put_bank(azimuth, "plain", lines(*BANK)).json()["ratings"] is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("noscale", lines(*RATED), "ratings need the scale on which they were given"),
        ("off?rating_scale=1..4", lines(*RATED), "ratings[0].rating is 5, not on the bank's scale"),
        ("two?rating_scale=0..9", lines(SETUP, *RATED), "but the request has 0..9"),
        ("late?rating_scale=1..5", lines(RATED[0], SETUP), "the record has no id"),
    ],
)
def test_what_is_wrong_with_ratings_is_reported(azimuth, name, content, says):
    problem = put_bank(azimuth, name, content)
    assert problem.status_code == 422
    assert problem.json()["type"] == "/problems/invalid-bank"
    assert says in problem.json()["detail"]


def test_a_scale_that_is_none_is_refused(azimuth):
    problem = put_bank(azimuth, "rated?rating_scale=5..1", lines(*RATED))
    assert problem.json()["errors"][0]["pointer"] == "query:rating_scale"


def test_oddities_are_found_and_the_bank_is_stored(azimuth):
    extra = [
        {"rater": "north-1", "group": "south", "response": 0, "rating": 1},
        *(
            {"rater": "bored", "group": "north", "response": response, "rating": 3}
            for response in (0, 1, 0)
        ),
    ]
    odd = [one | {"ratings": one["ratings"] + extra} for one in RATED]
    put_bank(azimuth, "known", lines(*BANK))
    answer = put_bank(azimuth, "odd?against=known", lines(SETUP, *odd))
    assert answer.status_code == 200, answer.text
    found = {one["kind"]: one["first"] for one in answer.json()["findings"]}
    assert found == {
        "raters-in-several-groups": ["north-1"],
        "flat-raters": ["bored"],
        "rated-twice": ["q0", "q1"],
        "leakage": ["q0", "q1"],
    }


def test_an_unknown_bank_to_compare_with_is_a_problem(azimuth):
    problem = put_bank(azimuth, "rated?against=nowhere", lines(SETUP, *RATED))
    assert problem.status_code == 404
    assert problem.json()["errors"][0]["pointer"] == "query:against"


def test_spicas_own_records_are_converted(azimuth):
    spica = [
        {k: v for k, v in one.items() if k != "response_classes"}
        | {"strategies": one["response_classes"]}
        for one in RATED
    ]
    array = json.dumps([SETUP, *spica])
    answer = put_bank(azimuth, "spica", array).json()
    assert answer["reading"]["converted"] == {"spica": 2}
    assert set(answer["ratings"]["response_classes"]) == {"apology", "advice"}
