"""The paired bootstrap of two runs."""

import numpy as np
import pytest

from scripts.benchmark.measures.difference import paired_difference
from scripts.benchmark.measures.outcomes import Pairs
from tests.unit.scripts.benchmark.made_runs import table


def test_a_run_does_not_differ_from_itself():
    pairs = table([[1, 0], [0, 1], [1, 1]])
    found = paired_difference(pairs, pairs, resamples=200)
    assert (found.difference, found.interval, found.opposite) == (0.0, (0.0, 0.0), 1.0)
    assert found.verdict == "unclear"


def test_a_clear_difference_is_found():
    rng = np.random.default_rng(0)
    a, b = (table((rng.random((100, 20)) < p).astype(int)) for p in (0.5, 0.6))
    found = paired_difference(a, b)
    assert found.difference == pytest.approx(found.b - found.a)
    assert found.interval[0] < found.difference < found.interval[1]
    assert found.verdict == "better"
    assert found.opposite < 0.01
    back = paired_difference(b, a)
    assert back.verdict == "worse"
    assert back.interval == pytest.approx((-found.interval[1], -found.interval[0]), abs=1e-6)


def test_pairs_without_a_selection_in_either_run_are_left_out_of_both():
    a, b = table([[1, -1], [1, 0], [-2, 1]]), table([[0, 1], [-1, 0], [-2, 1]])
    found = paired_difference(a, b, resamples=50)
    # Left: target 1 of the first scenario, target 2 of the others.
    assert (found.pairs, found.dropped, found.scenarios) == (3, 2, 3)
    assert (found.a, found.b) == (pytest.approx((1 + 0.5) / 2), pytest.approx((0 + 0.5) / 2))


def test_only_shared_scenarios_are_compared_in_any_order():
    a = table([[1, 1], [0, 0], [1, 0]])
    b = Pairs(("s2", "s9", "s0"), a.outcomes[[2, 1, 0]], a.nearest, a.candidates, a.sizes)
    found = paired_difference(a, b, resamples=50)
    assert (found.scenarios, found.difference) == (2, 0.0)


def test_the_bootstrap_repeats_with_its_seed():
    rng = np.random.default_rng(1)
    a, b = (table(rng.integers(0, 2, (20, 5))) for _ in range(2))
    once, again, other = (paired_difference(a, b, resamples=100, seed=s) for s in (3, 3, 4))
    assert once == again
    assert once.interval != other.interval


def test_one_scenario_gives_a_difference_but_no_interval():
    found = paired_difference(table([[1]]), table([[0]]))
    assert (found.difference, found.interval, found.verdict) == (-1.0, None, "unclear")


def test_other_targets_are_refused():
    with pytest.raises(ValueError, match="same targets"):
        paired_difference(table([[1, 0]]), table([[1]]))
