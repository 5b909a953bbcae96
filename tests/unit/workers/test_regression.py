"""Regression: each candidate in a separate prompt."""

import json

import jsonschema
import pytest

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.methods.base import Ask, InvalidAnswer, Task
from workers.methods.regression.method import Regression

METHOD = Regression()
DEPTH = Attribute("depth", "How deep the thought goes.", "shallow", "profound")
SCENARIO = Scenario("Why is the sky blue?", ("Because.", "Air scatters short waves more."))
PLAIN = ScorerSettings(method="regression")
EXAMPLE = LabelledScenario(
    "e", "Why do cats purr?", ("No idea.", "To calm others.", "Ask a vet."),
    labels=({"depth": 0.25}, {"depth": 0.75}, {"other": 1}),
)  # fmt: skip


def test_there_is_one_ask_for_each_candidate_whatever_the_orders():
    asks = METHOD.asks(SCENARIO, ScorerSettings(method="regression", orders=4))
    assert asks == [Ask((0,)), Ask((1,))]


def test_a_prompt_shows_its_candidate_and_no_other():
    question = METHOD.messages(Task(DEPTH, SCENARIO, PLAIN), Ask((1,)), ())[-1].content
    assert "Air scatters" in question
    assert "Because." not in question


def test_examples_show_every_labelled_response_separately_with_its_label():
    turns = METHOD.messages(Task(DEPTH, SCENARIO, PLAIN), Ask((0,)), (EXAMPLE,))
    assert [t.role for t in turns] == ["system", *["user", "assistant"] * 2, "user"]
    answers = [json.loads(t.content) for t in turns if t.role == "assistant"]
    assert sorted(a["score"] for a in answers) == [25, 75]
    for answer in answers:
        jsonschema.validate(answer, METHOD.schema(Ask((0,)), PLAIN))
    assert "Ask a vet." not in "".join(t.content for t in turns)


def test_candidates_share_all_of_the_prompt_but_its_end():
    first, second = (
        METHOD.messages(Task(DEPTH, SCENARIO, PLAIN), Ask((p,)), (EXAMPLE,)) for p in (0, 1)
    )
    assert first[:-1] == second[:-1]


def test_an_answer_is_a_judgement_of_its_candidate():
    (judgement,) = METHOD.read('{"reasoning":"so","score":40}', Ask((1,)), PLAIN)
    assert (judgement.position, judgement.score, judgement.reasoning) == (1, 0.4, "so")


@pytest.mark.parametrize(
    "text", ["", "40", '{"score":40}', '{"reasoning":"x","score":101}', '{"A":{"score":1}}']
)
def test_any_other_answer_is_invalid(text):
    with pytest.raises(InvalidAnswer):
        METHOD.read(text, Ask((0,)), PLAIN)


def test_without_reasoning_the_answer_is_the_score_alone():
    silent = ScorerSettings(method="regression", reasoning=False, reasoning_chars=0)
    (judgement,) = METHOD.read('{"score":7}', Ask((0,)), silent)
    assert judgement.score == pytest.approx(0.07)
    turns = METHOD.messages(Task(DEPTH, SCENARIO, silent), Ask((0,)), (EXAMPLE,))
    shown = dict(zip((t.content for t in turns[1::2]), turns[2::2], strict=False))
    (answer,) = (a.content for question, a in shown.items() if "No idea." in question)
    assert json.loads(answer) == {"score": 25}
