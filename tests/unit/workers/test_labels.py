"""Label reading: what the model is shown, and what the probabilities of labels say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bank import LabelledScenario
from app.domain.cells import Usage
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from app.domain.selection.uncertainty import standard_errors
from workers.averaging import Reading, average
from workers.methods.base import Ask, Judgement
from workers.methods.labels import LABELS, LabelReading, expected_label

METHOD = LabelReading("comparative", compares=True)
ALONE = LabelReading("regression", compares=False)
DEPTH = Attribute("depth", "How deep the thought goes.", "shallow", "profound")
WIT = Attribute("wit", "How funny it is.")
SCENARIO = Scenario("Why is the sky blue?", ("Because.", "Air scatters short waves more."))
SILENT = ScorerSettings(reasoning=False, reasoning_chars=0)
EXAMPLE = LabelledScenario(
    "e", "Why do cats purr?", ("No idea.", "To calm others."), ({"depth": 0.25}, {"depth": 1})
)


def turns(method=METHOD, attribute=DEPTH, examples=(), ask=None):
    ask = ask or method.asks(SCENARIO, SILENT)[0]
    return method.messages(attribute, tuple(examples), SCENARIO, ask, SILENT)


def test_the_score_is_the_expected_label_given_that_one_is_written():
    found = expected_label([0.1, 0.0, 0.0, 0.0, 0.3])
    assert found.score == pytest.approx(0.75)
    assert found.mass == pytest.approx(0.4)
    assert found.deviation == pytest.approx(math.sqrt(0.25 * 0.75))


def test_labels_without_any_probability_say_nothing():
    assert expected_label([0.0] * 5) is None


@given(st.lists(st.floats(0, 0.2), min_size=5, max_size=5).filter(lambda p: sum(p) > 1e-6))
def test_a_score_lies_within_the_scale_and_scaling_does_not_move_it(probabilities):
    found = expected_label(probabilities)
    assert 0 <= found.score <= 1
    assert 0 <= found.deviation <= 0.5 + 1e-9
    assert expected_label([p / 2 for p in probabilities]).score == pytest.approx(found.score)


def test_each_order_asks_about_each_candidate():
    asks = METHOD.asks(SCENARIO, ScorerSettings(reasoning=False, orders=2))
    assert [(a.positions, a.judged) for a in asks] == [
        ((0, 1), 0), ((0, 1), 1), ((1, 0), 0), ((1, 0), 1),
    ]  # fmt: skip


def test_the_last_line_names_the_candidate_by_its_letter_in_this_order():
    assert turns(ask=Ask((0, 1), 1))[-1].content.endswith("The depth of response B, 0 to 4:")
    assert turns(ask=Ask((1, 0), 1))[-1].content.endswith("The depth of response A, 0 to 4:")


def test_prompts_of_a_scenario_differ_only_after_question_and_candidates():
    """So that the engine reads the long part once for all attributes and candidates."""
    prompts = [
        turns(attribute=attribute, ask=Ask((0, 1), judged))
        for attribute in (DEPTH, WIT)
        for judged in (0, 1)
    ]
    assert len({p[0] for p in prompts}) == 1
    ends = {p[-1].content.split("Attribute:")[0] for p in prompts}
    assert len(ends) == 1
    assert "Air scatters" in ends.pop()


def test_examples_answer_with_their_labels_turn_by_turn():
    shown = turns(examples=[EXAMPLE])
    answers = [t.content for t in shown if t.role == "assistant"]
    assert sorted(answers) == ["1", "4"]
    assert all(answer in LABELS for answer in answers)
    assert shown[1].content.count("No idea.") == 1
    assert "No idea." not in shown[3].content  # it has been shown


def test_alone_a_candidate_is_shown_without_the_others_and_without_a_letter():
    for shown in (turns(ALONE, ask=Ask((1,), 1)), turns(ALONE, examples=[EXAMPLE])):
        assert "Because." not in shown[-1].content or "Air scatters" not in shown[-1].content
        assert "Response A" not in shown[-1].content
    examples = turns(ALONE, examples=[EXAMPLE])
    assert [t.role for t in examples] == ["system", *["user", "assistant"] * 2, "user"]
    assert all(EXAMPLE.question in t.content for t in examples[1:-1:2])


def test_an_order_with_little_label_mass_counts_as_much_as_one_with_all_of_it():
    """Score and probabilities, and what a calibration makes of them, say the same."""
    sure, unsure = (0.0, 0.0, 0.0, 0.0, 0.9), (0.06, 0.04, 0.0, 0.0, 0.0)
    readings = [
        Reading(((Judgement(0, expected_label(raw).score, None, raw=raw),),), 0, None, Usage())
        for raw in (sure, unsure)
    ]
    (found,) = average(1, readings)
    assert found.score == pytest.approx((1 + 0.1) / 2)
    assert expected_label(found.digits.probabilities).score == pytest.approx(found.score)
    assert found.digits.probabilities == pytest.approx([0.15, 0.1, 0, 0, 0.25])
    assert found.digits.mass == pytest.approx((0.9 + 0.1) / 2)


def test_orders_that_contradict_each_other_leave_an_error_as_large_as_that():
    """Nine tenths on label 4 in one order, a hundredth on label 0 in the other: the score lies
    between, and so far from both."""
    orders = ((0.0, 0.0, 0.0, 0.0, 0.9), (0.01, 0.0, 0.0, 0.0, 0.0))
    readings = [
        Reading(((Judgement(0, expected_label(raw).score, None, raw=raw),),), 0, None, Usage())
        for raw in orders
    ]
    (score,) = average(1, readings)
    assert score.score == 0.5
    assert score.digits.deviation == pytest.approx(0.5)
    assert standard_errors([score]).deviations == pytest.approx((0.5,))
