"""Order of candidates, leaning of selections, cost."""

import pytest

from app.domain.cells import Usage
from scripts.benchmark.measures.cost import cost
from scripts.benchmark.measures.leaning import leaning
from scripts.benchmark.measures.order import order_flips, position_biases
from scripts.benchmark.records.results import ScenarioResult, TargetSet
from tests.unit.scripts.benchmark.made_runs import KIND, results, scenario


def test_order_flips_compare_forward_and_reversed_where_both_selected():
    measured = scenario(KIND, forward={"set": "AAB-"}, reversed={"set": "ABBA"})
    found = order_flips([measured, scenario(KIND, "AAAA")], "set")
    assert (found.value, found.parts, found.scenarios) == (pytest.approx(1 / 3), 3, 1)


def test_leaning_is_the_mean_label_of_the_selected_minus_that_of_all():
    scenarios = [scenario(KIND, "AAAB"), scenario([{"kind": 0.5}, {"kind": 0.25}], "BB--")]
    (found,) = leaning(scenarios, "set", ["kind"])
    assert found.selected.value == pytest.approx((0.75 + 0.25) / 2)
    assert found.difference.value == pytest.approx(((0.75 - 0.5) + (0.25 - 0.375)) / 2)
    assert found.difference.scenarios == 2


def test_leaning_leaves_out_what_is_not_labelled_or_not_selected():
    scenarios = [scenario([{"brief": 1.0}, {"brief": 0.0}], "A"), scenario(KIND, "-")]
    (found,) = leaning(scenarios, "set", ["kind"])
    assert found.selected.value is None


def test_cost_is_timed_without_what_came_from_the_cache():
    scenarios = [
        scenario(KIND, seconds=2.0, usage=Usage(100, 50, 10)),
        scenario(KIND, seconds=4.0, usage=Usage(200, 50, 30)),
        scenario(KIND, seconds=9.0, usage=Usage(0, 20, 20)),
        scenario(KIND, seconds=0.01, usage=Usage(100, 0, 20), cached=True),
    ]
    found = cost(results(scenarios))
    assert (found.prompt_tokens, found.cached_prompt_tokens, found.output_tokens) == (100, 30, 20)
    assert (found.mean_seconds, found.median_seconds, found.timed) == (5.0, 4.0, 3)
    assert cost(results(scenarios[3:])).mean_seconds is None
    assert cost(results([])).prompt_tokens is None


def test_seconds_are_divided_by_each_scenario_s_requests_in_flight():
    """A scenario that is in flight with seven others takes an eighth of the machine."""
    scenarios = [scenario(KIND, seconds=16.0), scenario(KIND, seconds=6.0, concurrency=2)]
    found = cost(results(scenarios, concurrency=8))
    assert (found.mean_seconds, found.per_target) == (2.5, False)


def test_methods_that_read_the_target_have_costs_per_target():
    """Each different target that a scenario distinguishes is asked for once; those without a
    valid answer are in no sum."""
    sets = (
        TargetSet("high", "high", ({"kind": 1.0, "brief": 1.0},)),
        TargetSet(
            "sampled", "sampled", ({"kind": 1.0}, {"kind": 0.0}, {"kind": 0.5}, {"brief": 1})
        ),
    )
    asked = ScenarioResult(
        "s1",
        tuple(KIND),
        selected={"high": "A", "sampled": "AB--"},  # answered: 1 (twice the same) and 0
        seconds=12.0,
        usage=Usage(100, 40, 20),
    )
    found = cost(results([asked], method="prompt_aligned", sets=sets, concurrency=3))
    assert (found.prompt_tokens, found.cached_prompt_tokens, found.output_tokens) == (50, 20, 10)
    assert (found.mean_seconds, found.per_target) == (2.0, True)
    once = cost(results([asked], method="comparative", sets=sets, concurrency=3))
    assert (once.prompt_tokens, once.mean_seconds, once.per_target) == (100, 4.0, False)


def test_position_biases_are_means_over_scenarios_scored_in_both_orders():
    measured = [
        scenario(KIND, "A", id=str(i), position_bias={"kind": bias})
        for i, bias in enumerate([0.1, 0.3])
    ]
    found = position_biases([*measured, scenario(KIND, "A", id="other")])
    assert found["kind"].value == pytest.approx(0.2)
    assert found["kind"].scenarios == 2
    assert found["kind"].error == pytest.approx(0.1)
    assert position_biases([scenario(KIND, "A")]) == {}
