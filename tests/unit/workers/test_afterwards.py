"""Words about scores that were read: what the judge sees, and which answers are valid."""

import json

import pytest

from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.methods.afterwards.method import Afterwards
from workers.methods.base import Ask, InvalidAnswer, Task

METHOD = Afterwards()
WARMTH = Attribute("warmth", "How warm it sounds.", low="cold", high="warm")
SCENARIO = Scenario("My parcel is late.", ("We are ~~~ sorry!", "Check the page."))
SETTINGS = ScorerSettings(examples=0, explains=(0.82, 0.1))
ASK = Ask((0, 1))


def test_the_judge_sees_definition_texts_and_the_scores_that_were_read():
    (ask,) = METHOD.asks(SCENARIO, SETTINGS)
    system, question = METHOD.messages(Task(WARMTH, SCENARIO, SETTINGS), ask, ())
    for text in ("How warm it sounds.", "A score of 0 means: cold", "change no score"):
        assert text in system.content
    assert "Score of response A for warmth: 82 of 100." in question.content
    assert "Score of response B for warmth: 10 of 100." in question.content
    assert question.content.count("~~~~") == 6  # no text closes its frame


def test_an_answer_keeps_the_scores_and_adds_words():
    judged = METHOD.read(json.dumps({"A": "It is sorry.", "B": "It helps little."}), ASK, SETTINGS)
    assert [(one.position, one.score, one.reasoning) for one in judged] == [
        (0, 0.82, "It is sorry."),
        (1, 0.1, "It helps little."),
    ]


@pytest.mark.parametrize("answer", [{"A": "x"}, {"A": "x", "B": 1}, {"A": "x", "B": "y" * 241}, []])
def test_other_answers_are_invalid(answer):
    with pytest.raises(InvalidAnswer):
        METHOD.read(json.dumps(answer), ASK, SETTINGS)


def test_the_schema_asks_for_a_sentence_about_each_candidate_and_no_score():
    schema = METHOD.schema(ASK, SETTINGS)
    assert schema["required"] == ["A", "B"]
    assert {member["type"] for member in schema["properties"].values()} == {"string"}
    assert METHOD.least_answer_tokens(ASK, SETTINGS) < METHOD.answer_tokens(ASK, SETTINGS)
