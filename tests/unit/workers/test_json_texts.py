"""The JSON in what a model wrote, whatever is around it."""

import json
import time

import pytest

from app.domain.scorer import ScorerSettings
from workers.methods.answers import read_score
from workers.methods.base import Ask, InvalidAnswer
from workers.methods.comparative.method import ComparativeRegression
from workers.methods.json_texts import decoded

ANSWER = {"A": {"reasoning": 'It says "{" and } twice.', "score": 85}}
TEXT = json.dumps(ANSWER)
INDENTED = json.dumps(ANSWER, indent=2)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"\n{TEXT}\n",
        f"```json\n{INDENTED}\n```",
        f"```\n{TEXT}\n```\n",
        f"<think>Let me compare them.</think>\n{TEXT}",
        f'<think>Perhaps {{"A": 1}}?</think>\n{TEXT}',
        f"The template opened the thoughts.\n</think>\n\n```json\n{TEXT}\n```",
        f'<think>One.</think><think>Two: {{"B": 2}}</think>{TEXT}',
        f"Here is my rating of the set {{A}}:\n\n{TEXT}\n\nI hope it helps!",
        f"{TEXT}\n{TEXT}",
    ],
    ids=range(10),
)
def test_one_object_is_read_from_thoughts_fences_and_prose(text):
    assert decoded(text) == ANSWER


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("I cannot rate this.", "not JSON"),
        (TEXT[:-3], "not JSON"),
        (f"{TEXT[:20]} {TEXT}", "not JSON"),
        (f'{TEXT} or rather {{"A": 3}}', "2 JSON objects"),
        (f"<think>Perhaps {TEXT} or", "no end"),
        (f"<think>One.</think>\n<think>{TEXT}", "no end"),
        ("[" * 3000, "JSON"),
        ('{"A":' * 3000, "JSON"),
        ('{"A":' * 3000 + "1" + "}" * 3000, "JSON"),
        ('{"A": "It says so \ud83d"}', "surrogate"),
        ('Well: {"A": "It says so \ud83d"}', "surrogate"),
        ('{"A": "It says so \\ud83d"}', "JSON"),
        ('{"A": 1e999}', "JSON"),
        (f'{{"A": {"9" * 5000}}}', "JSON"),
    ],
    ids=range(15),
)
def test_what_is_no_json_or_more_than_one_is_an_invalid_answer(text, why):
    with pytest.raises(InvalidAnswer, match=why):
        decoded(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            '{"' * 100_000,
            '"' * 300_001,
            '{"\\"' + '\\"' * 200_000,
            "{0}{" * 100_000,
            "{" * 300_000,
        ),
        *('{"a": "' + "\\" * 300_001, "<think>" * 60_000, "</think>" * 60_000, "[" * 300_000),
    ],
    ids=range(9),
)
def test_texts_are_searched_in_linear_time(text):
    started = time.process_time()
    with pytest.raises(InvalidAnswer):
        decoded(f"Well: {text}")
    assert time.process_time() - started < 5


@pytest.mark.parametrize(("value", "score"), [(85, 0.85), (85.0, 0.85), (0.0, 0.0), (100.0, 1.0)])
def test_a_whole_number_with_a_decimal_point_is_a_score(value, score):
    assert read_score(value) == score


@pytest.mark.parametrize(
    "value", [85.5, -1.0, 101.0, 101, True, "85", None, [85], float("inf"), float("nan")], ids=str
)
def test_what_is_no_whole_number_in_the_range_is_no_score(value):
    with pytest.raises(InvalidAnswer, match="whole number"):
        read_score(value)


def test_a_fenced_answer_of_floats_is_read_by_a_method():
    member = '{"reasoning": "Calm.", "score": %s}'
    text = f'```json\n{{"A": {member % "85.0"}, "B": {member % 5}}}\n```'
    judgements = ComparativeRegression().read(text, Ask((0, 1)), ScorerSettings())
    assert [judgement.score for judgement in judgements] == [0.85, 0.05]
