"""Probabilities of selections, compared with what is correct."""

import numpy as np
import pytest
from msgspec.structs import replace

from scripts.benchmark.measures.certainty import certainty
from scripts.benchmark.pages.drawing import styles
from scripts.benchmark.pages.plots.certainty import certainty_plot
from scripts.benchmark.records.results import ScenarioResult, TargetSet

HIGH = TargetSet("high", "high", ({"wit": 1.0},))


def results(chances, correct):
    """One pair a scenario: A is nearest by its label, and selected where that is correct."""
    return [
        ScenarioResult(
            id=str(index),
            labels=({"wit": 1.0}, {"wit": 0.0}),
            selected={"high": "A" if right else "B"},
            chances={"high": (chance,)},
        )
        for index, (chance, right) in enumerate(zip(chances, correct, strict=True))
    ]


def honest(count, seed=0):
    draw = np.random.default_rng(seed)
    chances = draw.uniform(0.5, 1, count).round(3)
    return chances.tolist(), (draw.random(count) < chances).tolist()


def test_calibrated_probabilities_match_observed_shares():
    found = certainty(results(*honest(4000)), HIGH)
    assert found.pairs == 4000
    assert found.worst < 0.07
    assert all(abs(decile.gap) < 4 * decile.error for decile in found.deciles)
    assert [decile.pairs for decile in found.deciles] == [400] * 10


def test_selections_with_higher_probability_are_correct_more_often():
    found = certainty(results(*honest(4000)), HIGH)
    assert found.correct_of_likeliest > found.correct + 0.03


def test_probabilities_that_are_too_high_give_a_positive_gap():
    found = certainty(results([0.99] * 100, [True, False] * 50), HIGH)
    assert found.worst == pytest.approx(0.49, abs=0.11)
    assert found.correct == 0.5


def test_the_error_of_a_decile_is_that_of_its_mean_gap():
    found = certainty(results([0.6] * 20, [True, False] * 10), HIGH)
    assert found.deciles[0].gap == pytest.approx(0.1)
    # Two gaps of -0.4 and 0.6.
    assert found.deciles[0].error == pytest.approx(np.sqrt(2 * 0.25) / 2)


def test_correlated_targets_of_one_scenario_do_not_shrink_the_error():
    chances = np.linspace(0.5, 0.99, 50).round(3)
    right = np.random.default_rng(0).random(50) < chances
    once = results(chances.tolist(), right.tolist())
    tenfold = [
        replace(
            one,
            selected={"high": 10 * one.selected["high"]},
            chances={"high": 10 * one.chances["high"]},
        )
        for one in once
    ]
    often = certainty(tenfold, TargetSet("high", "high", 10 * ({"wit": 1.0},)))
    assert often.pairs == 500
    errors = [decile.error for decile in certainty(once, HIGH).deciles]
    assert [decile.error for decile in often.deciles] == pytest.approx(errors)


def test_pairs_left_out_of_accuracy_are_left_out_of_deciles():
    tied = ScenarioResult("t", ({"wit": 1.0}, {"wit": 1.0}), selected={"high": "A"})
    unknown = ScenarioResult("u", ({"wit": 1.0}, {"wit": 0.0}), selected={"high": "A"})
    found = certainty([*results(*honest(20)), tied, unknown], HIGH)
    assert found.pairs == 20


def test_without_probabilities_there_is_no_result():
    unknown = ScenarioResult("u", ({"wit": 1.0}, {"wit": 0.0}), selected={"high": "A"})
    assert certainty([unknown] * 50, HIGH) is None
    assert certainty([], HIGH) is None


def test_the_plot_is_drawn():
    found = certainty(results(*honest(100)), HIGH)
    svg = certainty_plot({"a run": found}, styles(["a run"]))
    assert svg.count("<svg ") == 1
