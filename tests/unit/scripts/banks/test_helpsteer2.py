"""Scenarios from HelpSteer2, and what all scenarios share."""

import json

import pytest

from scripts.banks.helpsteer2 import (
    HELPSTEER2_ATTRIBUTES,
    HELPSTEER2_REASONINGS,
    helpsteer2_pool,
    parse_rated_json,
)
from scripts.banks.scenarios import (
    RowError,
    jsonl,
)
from tests.unit.scripts.banks.corpora import pool_of, rated, rated_row


def test_helpsteer2_labels_are_ratings_divided_by_four() -> None:
    rows = [rated("Q", f"answer {rating}", rating) for rating in range(5)]
    (scenario,) = helpsteer2_pool(rows).scenarios
    for attribute in HELPSTEER2_ATTRIBUTES:
        values = tuple(labels[attribute.name] for labels in scenario.labels)
        assert values == attribute.levels == (0.0, 0.25, 0.5, 0.75, 1.0)


def test_helpsteer2_words_every_level_of_every_attribute_differently() -> None:
    assert list(HELPSTEER2_REASONINGS) == [a.name for a in HELPSTEER2_ATTRIBUTES]
    sentences = [s for wordings in HELPSTEER2_REASONINGS.values() for s in wordings]
    assert len(set(sentences)) == len(sentences) == 25
    openings = {sentence.split(":")[0] for sentence in sentences}
    assert len(openings) == 25


def test_a_reasoning_belongs_to_its_label() -> None:
    (scenario,) = helpsteer2_pool([rated("Q", "a", 3), rated("Q", "b", 4)]).scenarios
    for name, wordings in HELPSTEER2_REASONINGS.items():
        assert scenario.reasonings[0][name] == wordings[3]
        assert scenario.reasonings[1][name] == wordings[4]


def test_rows_are_grouped_by_prompt_in_any_order() -> None:
    rows = [rated("P", "p1"), rated("Q", "q1"), rated("P", "p2"), rated("Q", "q2")]
    grouped = [(s.question, s.responses) for s in helpsteer2_pool(rows).scenarios]
    assert grouped == [("P", ("p1", "p2")), ("Q", ("q1", "q2"))]


def test_rows_that_yield_no_scenario_are_counted() -> None:
    rows = [
        *(rated("P", "one answer"), rated("P", "one answer", 4)),
        *(rated("Q", "a"), rated("Q", "b"), rated("Q", "")),
        *(rated(" q ", "c"), rated(" q ", "d")),
    ]
    pool = helpsteer2_pool(rows)
    assert [s.question for s in pool.scenarios] == ["Q"]
    assert pool.rows == 7
    assert pool.left_out == {
        "rows repeating a response of their prompt": 1,
        "prompts with fewer than two different responses": 1,
        "rows with an empty prompt or response": 1,
        "questions like an earlier one but for case or spacing": 1,
    }


@pytest.mark.parametrize("rating", [5, -1, 2.5, True, "3", None, float("nan")])
def test_ratings_must_be_whole_numbers_up_to_four(rating: object) -> None:
    text = json.dumps(rated_row(coherence=rating))
    with pytest.raises(RowError, match="line 7, column 'coherence'"):
        parse_rated_json(text, 7)


def test_a_whole_rating_written_with_a_point_is_accepted() -> None:
    assert parse_rated_json(json.dumps(rated_row(coherence=3.0)), 1).ratings["coherence"] == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "line 3: not JSON"),
        ("[1]", "line 3: not a JSON object"),
        ("{}", "line 3, column 'helpfulness': missing"),
        (json.dumps(rated_row(prompt=1)), "line 3, column 'prompt': not text"),
        (json.dumps(rated_row(response="\ud800")), "line 3, column 'response': holds half"),
    ],
)
def test_a_bad_json_row_is_named(text: str, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        parse_rated_json(text, 3)


def test_ids_depend_on_the_question_alone() -> None:
    one, other = ([rated("Q", f"{x}1"), rated("Q", f"{x}2")] for x in "ab")
    assert helpsteer2_pool(one).scenarios[0].id == helpsteer2_pool(other).scenarios[0].id
    ids = [s.id for s in pool_of(200, seed=1)]
    assert len(set(ids)) == 200


def test_a_record_stays_on_one_line_and_readable() -> None:
    text = jsonl([{"question": "Où?\n\u2028\u2029\u0085"}])
    assert text == '{"question": "Où?\\n\\u2028\\u2029\\u0085"}\n'
    assert json.loads(text) == {"question": "Où?\n\u2028\u2029\u0085"}
