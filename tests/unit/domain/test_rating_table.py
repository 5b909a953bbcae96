"""The ratings of a bank as arrays."""

import json

import numpy as np
import pytest

from app.domain.bank import InvalidLines, parse_bank, serialize_bank
from app.domain.ratings.table import NO_CLASS, rating_table

SETUP = {
    "rating_scale": {"low": 1, "high": 5},
    "response_classes": {"refusal": "Refuse politely.", "facts": ""},
}


def rating(rater, response, value, **groups):
    return {"rater": rater, "response": response, "rating": value, **groups}


FIRST = {
    "id": "a",
    "question": "Why?",
    "responses": ["No.", "Because.", "I think so."],
    "response_classes": ["refusal", "facts", None],
    "ratings": [
        rating("r2", 0, 2, group="north"),
        rating("r2", "facts", 5, group="north"),
        rating("r1", 2, 3, groups=["north", "young"]),
    ],
}
SECOND = {
    "id": "b",
    "question": "When?",
    "responses": ["Now.", "Never."],
    "response_classes": ["opinion", "refusal"],
    "ratings": [rating("r3", 1, 4)],
}


def bank_of(*records):
    return parse_bank("\n".join(map(json.dumps, records)).encode())


def test_a_table_has_a_row_for_each_rating():
    table = rating_table(bank_of(SETUP, SECOND, FIRST))
    assert table.scenarios == ("a", "b")
    assert table.raters == ("r1", "r2", "r3")
    assert table.groups == ("north", "young")
    assert table.scenario.tolist() == [0, 0, 0, 1]
    assert table.response.tolist() == [0, 1, 2, 1]
    assert table.rater.tolist() == [1, 1, 0, 2]
    assert table.value.tolist() == [2, 5, 3, 4]
    assert table.unit.tolist() == [0.25, 1, 0.5, 0.75]
    assert table.membership.tolist() == [[True, True], [True, False], [False, False]]


def test_classes_that_the_bank_describes_come_first():
    table = rating_table(bank_of(SETUP, FIRST, SECOND))
    assert table.classes == ("refusal", "facts", "opinion")
    assert table.response_class.tolist() == [[0, 1, NO_CLASS], [2, 0, NO_CLASS]]
    assert table.rated_class.tolist() == [0, 1, NO_CLASS, 0]


def test_a_group_has_the_ratings_of_its_raters():
    table = rating_table(bank_of(SETUP, FIRST, SECOND))
    assert table.of_group("north").value.tolist() == [2, 5, 3]
    assert table.of_group("young").value.tolist() == [3]
    assert np.array_equal(table.of_group("young").scenarios, table.scenarios)
    with pytest.raises(ValueError, match="no rater is in group 'south'; known: north, young"):
        table.of_group("south")


def test_a_bank_with_ratings_is_unchanged_by_writing_and_reading():
    bank = bank_of(SETUP, FIRST, SECOND)
    assert parse_bank(serialize_bank(bank)) == bank
    assert bank.digest != bank_of(FIRST, SECOND).digest


def test_the_digest_of_a_bank_without_classes_is_as_it_was_before_there_were_any():
    rated = {k: v for k, v in SECOND.items() if k != "response_classes"}
    rated |= {"ratings": [rating("r3", 1, 4, group="north")]}
    assert bank_of(rated).digest == "016af6b27694096392ee0972b2872f5d"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"response_classes": ["refusal"]}, "response_classes has 1 entries for 3 responses"),
        ({"response_classes": [" x", None, None]}, "response_classes[0] is ' x'"),
        ({"ratings": [rating("r", "opinion", 1)]}, "'opinion', but no response of the scenario"),
        ({"ratings": [rating("", 0, 1)]}, "ratings[0].rater is '': a name must not be blank"),
        ({"ratings": [rating("r", 0, 1, groups=["a", "a"])]}, "ratings[0] names a group twice"),
    ],
)
def test_an_invalid_rating_is_an_error_of_its_line(changed, reason):
    with pytest.raises(InvalidLines) as caught:
        bank_of(SETUP, FIRST | changed)
    assert reason in caught.value.errors[0].detail


@pytest.mark.parametrize("scale", [{"low": 5, "high": 1}, {"low": 1, "high": 1}, {"low": 1}])
def test_a_scale_must_have_two_ends(scale):
    with pytest.raises(InvalidLines):
        bank_of({"rating_scale": scale}, FIRST)


def test_ratings_without_a_scale_are_no_table():
    with pytest.raises(ValueError, match="no rating_scale"):
        rating_table(bank_of(FIRST))
