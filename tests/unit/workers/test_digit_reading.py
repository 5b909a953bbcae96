"""Digit reading: what the model sees, and what the probabilities of digits mean."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from app.domain.selection.uncertainty import standard_errors
from workers.judges.language.averaging import Reading, average
from workers.methods.base import AskAboutOne, Task
from workers.methods.digit_reading.method import DIGITS, DigitRegression, expected_digit

METHOD = DigitRegression("comparative", compares=True)
ALONE = DigitRegression("regression", compares=False)
DEPTH = Attribute("depth", "How deep the thought goes.", "shallow", "profound")
WIT = Attribute("wit", "How funny it is.")
SCENARIO = Scenario("Why is the sky blue?", ("Because.", "Air scatters short waves more."))
SILENT = ScorerSettings(reasoning=False, reasoning_chars=0)
EXAMPLE = LabelledScenario(
    "e", "Why do cats purr?", ("No idea.", "To calm others."), ({"depth": 0.25}, {"depth": 1})
)


def turns(method=METHOD, attribute=DEPTH, examples=(), ask=None):
    ask = ask or method.asks(SCENARIO, SILENT)[0]
    return method.messages(Task(attribute, SCENARIO, SILENT), ask, tuple(examples))


def test_the_score_is_the_expected_digit_given_that_one_is_written():
    expected = expected_digit([0.1, 0.0, 0.0, 0.0, 0.3])
    assert expected.score == pytest.approx(0.75)
    assert expected.reading.mass == pytest.approx(0.4)
    assert expected.reading.deviation == pytest.approx(math.sqrt(0.25 * 0.75))


def test_digits_without_any_probability_give_no_score():
    assert expected_digit([0.0] * 5) is None


@given(st.lists(st.floats(0, 0.2), min_size=5, max_size=5).filter(lambda p: sum(p) > 1e-6))
def test_a_score_lies_within_the_scale_and_scaling_does_not_move_it(probabilities):
    expected = expected_digit(probabilities)
    assert 0 <= expected.score <= 1
    assert 0 <= expected.reading.deviation <= 0.5 + 1e-9
    halved = expected_digit([p / 2 for p in probabilities])
    assert halved.score == pytest.approx(expected.score)


def test_each_order_asks_about_each_candidate():
    asks = METHOD.asks(SCENARIO, ScorerSettings(reasoning=False, orders=2))
    assert [(a.positions, a.judged) for a in asks] == [
        ((0, 1), 0), ((0, 1), 1), ((1, 0), 0), ((1, 0), 1),
    ]  # fmt: skip


def test_the_last_line_names_the_candidate_by_its_letter_in_this_order():
    assert turns(ask=AskAboutOne((0, 1), 1))[-1].content.endswith(
        "The depth of response B, 0 to 4:"
    )
    assert turns(ask=AskAboutOne((1, 0), 1))[-1].content.endswith(
        "The depth of response A, 0 to 4:"
    )


def test_prompts_of_a_scenario_differ_only_after_question_and_candidates():
    """So the engine reads the long part once for all attributes and candidates."""
    prompts = [
        turns(attribute=attribute, ask=AskAboutOne((0, 1), judged))
        for attribute in (DEPTH, WIT)
        for judged in (0, 1)
    ]
    assert len({p[0] for p in prompts}) == 1
    ends = {p[-1].content.split("Attribute:")[0] for p in prompts}
    assert len(ends) == 1
    assert "Air scatters" in ends.pop()


def test_examples_answer_with_one_digit_a_turn():
    shown = turns(examples=[EXAMPLE])
    answers = [t.content for t in shown if t.role == "assistant"]
    assert sorted(answers) == ["1", "4"]
    assert all(answer in DIGITS for answer in answers)
    assert shown[1].content.count("No idea.") == 1
    assert "No idea." not in shown[3].content  # the first turn has shown it


def test_alone_a_candidate_is_shown_without_the_others_and_without_a_letter():
    for shown in (turns(ALONE, ask=AskAboutOne((1,), 1)), turns(ALONE, examples=[EXAMPLE])):
        assert "Because." not in shown[-1].content or "Air scatters" not in shown[-1].content
        assert "Response A" not in shown[-1].content
    examples = turns(ALONE, examples=[EXAMPLE])
    assert [t.role for t in examples] == ["system", *["user", "assistant"] * 2, "user"]
    assert all(EXAMPLE.question in t.content for t in examples[1:-1:2])


def average_of_orders(*orders: tuple[float, ...]):
    """The one candidate's score from its digits' probabilities in several orders."""
    asks = [AskAboutOne((0,), 0) for _ in orders]
    readings = [
        Reading(((METHOD.judgement(ask, order),),)) for ask, order in zip(asks, orders, strict=True)
    ]
    (score,) = average(1, readings)
    return score


def test_an_order_with_little_digit_mass_has_the_same_weight():
    """Score and probabilities agree, and so does what a calibration makes of them."""
    score = average_of_orders((0.0, 0.0, 0.0, 0.0, 0.9), (0.06, 0.04, 0.0, 0.0, 0.0))
    assert score.score == pytest.approx((1 + 0.1) / 2)
    assert expected_digit(score.digits.probabilities).score == pytest.approx(score.score)
    assert score.digits.probabilities == pytest.approx([0.15, 0.1, 0, 0, 0.25])
    assert score.digits.mass == pytest.approx((0.9 + 0.1) / 2)


def test_orders_that_contradict_each_other_leave_a_large_error():
    """Nine tenths on digit 4 in one order, a hundredth on digit 0 in the other: the score lies
    halfway, far from both."""
    score = average_of_orders((0.0, 0.0, 0.0, 0.0, 0.9), (0.01, 0.0, 0.0, 0.0, 0.0))
    assert score.score == 0.5
    assert score.digits.deviation == pytest.approx(0.5)
    assert standard_errors([score]).deviations == pytest.approx((0.5,))
