"""What the measures of a run are: hand-computed cases, and properties that must hold."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.cells import Usage
from scripts.benchmark.measures.accuracy import accuracy, accuracy_by_size
from scripts.benchmark.measures.cost import cost
from scripts.benchmark.measures.difference import paired_difference
from scripts.benchmark.measures.leaning import leaning
from scripts.benchmark.measures.order import order_flips, position_biases
from scripts.benchmark.measures.outcomes import Pairs, pairs_of
from scripts.benchmark.measures.scores import (
    attribute_quality,
    average_ranks,
    spearman,
    unscored_reasons,
)
from scripts.benchmark.records.choices import encode_choices
from scripts.benchmark.records.results import Results, Run, ScenarioResult, TargetSet

KIND = [{"kind": 1.0}, {"kind": 0.0}]
"""Labels of two candidates, the first of them the kind one."""


def scenario(labels: Sequence[dict[str, float]], chosen: str = "", **fields) -> ScenarioResult:
    given_id = fields.pop("id", "s1")
    return ScenarioResult(given_id, tuple(labels), selected={"set": chosen}, **fields)


def targets(*wanted: dict[str, float]) -> TargetSet:
    return TargetSet("set", "sampled", wanted)


def results(
    scenarios: Sequence[ScenarioResult],
    method: str = "comparative",
    sets: Sequence[TargetSet] = (),
    concurrency: int = 1,
) -> Results:
    ids = tuple(s.id for s in scenarios)
    run = Run(
        method, {}, {}, tuple(sets), (), None, 0, ids, "", {}, "", concurrency=concurrency
    )  # fmt: skip
    return Results(run, tuple(scenarios))


def outcome(labels: Sequence[dict[str, float]], chosen: str, target: dict[str, float]) -> Pairs:
    return pairs_of([scenario(labels, chosen)], targets(target))


# Which selection is correct


def test_the_candidate_whose_labels_lie_nearest_the_target_is_correct():
    assert accuracy(outcome(KIND, "A", {"kind": 0.75})).mean == 1.0
    assert accuracy(outcome(KIND, "B", {"kind": 0.75})).mean == 0.0


def test_distance_is_euclidean_over_the_attributes_of_the_target():
    # From (1, 1): A misses by sqrt(2 * 0.25), B by 0.75. The sums of misses would say B.
    labels = [{"kind": 0.5, "brief": 0.5}, {"kind": 1.0, "brief": 0.25}]
    assert accuracy(outcome(labels, "A", {"kind": 1.0, "brief": 1.0})).mean == 1.0
    assert accuracy(outcome(labels, "A", {"brief": 1.0})).mean == 1.0
    assert accuracy(outcome(labels, "A", {"kind": 1.0})).mean == 0.0


def test_a_pair_in_which_all_candidates_tie_is_left_out_and_counted():
    found = accuracy(outcome(KIND, "A", {"kind": 0.5}))
    assert (found.mean, found.chance, found.pairs, found.ties) == (None, None, 0, 1)


def test_a_difference_in_the_last_bit_is_a_tie():
    assert accuracy(outcome([{"kind": 0.1 + 0.2}, {"kind": 0.3}], "A", {"kind": 1.0})).ties == 1


def test_of_three_candidates_with_two_nearest_both_are_correct():
    labels = [{"kind": 0.25}, {"kind": 0.75}, {"kind": 0.0}]
    found = {letter: accuracy(outcome(labels, letter, {"kind": 0.5})) for letter in ("A", "B", "C")}
    assert {letter: a.mean for letter, a in found.items()} == {"A": 1.0, "B": 1.0, "C": 0.0}
    assert found["A"].chance == pytest.approx(2 / 3)
    assert found["A"].ties == 0


def test_a_target_counts_only_by_the_attributes_that_the_scenario_labels():
    pairs = outcome(KIND, "A", {"kind": 1.0, "brief": 0.0})
    assert accuracy(pairs).mean == 1.0
    assert pairs.sizes.tolist() == [[1]]


def test_an_attribute_that_one_candidate_has_no_label_for_does_not_count():
    labels = [{"kind": 1.0, "brief": 0.0}, {"kind": 0.0}]
    assert accuracy(outcome(labels, "A", {"kind": 1.0, "brief": 1.0})).mean == 1.0


def test_a_target_without_any_labelled_attribute_is_left_out_and_counted():
    found = accuracy(outcome(KIND, "-", {"brief": 1.0}))
    assert (found.unlabelled, found.unselected, found.ties, found.pairs) == (1, 0, 0, 0)


def test_a_missing_selection_is_left_out_and_counted():
    found = accuracy(outcome(KIND, "-", {"kind": 1.0}))
    assert (found.unselected, found.pairs, found.mean) == (1, 0, None)


def test_a_scenario_without_selections_for_the_set_counts_as_unselected():
    found = pairs_of([ScenarioResult("s1", tuple(KIND))], targets({"kind": 1.0}))
    assert accuracy(found).unselected == 1


@pytest.mark.parametrize("chosen", ["AA", "", "C"])
def test_selections_that_do_not_fit_are_refused(chosen):
    with pytest.raises(ValueError, match="s1"):
        outcome(KIND, chosen, {"kind": 1.0})


def test_scenarios_with_different_attributes_stand_in_one_set():
    other = scenario([{"brief": 0.0}, {"brief": 1.0}], "-B", id="s2")
    pairs = pairs_of([scenario(KIND, "A-"), other], targets({"kind": 1.0}, {"brief": 1.0}))
    found = accuracy(pairs)
    assert (found.mean, found.pairs, found.unlabelled, found.unselected) == (1.0, 2, 2, 0)


# Accuracy and its errors


def table(outcomes: Sequence[Sequence[int]], sizes: int = 1) -> Pairs:
    """Pairs of two candidates with given outcomes, (S, T)."""
    array = np.array(outcomes, dtype=np.int8)
    return Pairs(
        tuple(f"s{row}" for row in range(len(array))),
        array,
        np.ones_like(array),
        np.full(len(array), 2, dtype=np.int8),
        np.full_like(array, sizes),
    )


def test_accuracy_is_the_mean_over_targets_of_shares_over_scenarios():
    # Target 1: 1 of 1, the other a tie. Target 2: 1 of 2.
    found = accuracy(table([[1, 1], [-2, 0]]))
    assert found.mean == pytest.approx(0.75)
    assert found.deviation == pytest.approx(0.25)
    assert (found.scenarios, found.targets, found.pairs, found.ties) == (2, 2, 3, 1)


def test_a_target_of_which_no_pair_counts_is_not_in_the_mean():
    found = accuracy(table([[1, -2], [0, -2]]))
    assert (found.mean, found.targets, found.deviation) == (0.5, 1, None)


def test_with_one_target_the_error_is_that_of_a_share():
    found = accuracy(table([[1], [1], [1], [0]]))
    assert found.error == pytest.approx(np.std([1, 1, 1, 0], ddof=1) / 2)
    assert found.interval == (pytest.approx(0.75 - 1.959964 * 0.25), 1.0)


def test_targets_that_agree_do_not_make_the_error_smaller():
    one, many = accuracy(table([[1], [0], [0]])), accuracy(table([[1] * 50, [0] * 50, [0] * 50]))
    assert many.error == pytest.approx(one.error)


def test_a_single_scenario_has_no_error():
    found = accuracy(table([[1, 0]]))
    assert (found.mean, found.error, found.interval) == (0.5, None, None)


def test_the_standard_error_agrees_with_a_bootstrap():
    rng = np.random.default_rng(7)
    ability = rng.beta(2, 2, size=(80, 1))
    outcomes = np.where(rng.random((80, 30)) < 0.15, -2, rng.random((80, 30)) < ability)
    pairs = table(outcomes)
    means = []
    for _ in range(1500):
        rows = rng.integers(0, 80, 80)
        valid = outcomes[rows] >= 0
        means.append(((outcomes[rows] == 1).sum(axis=0) / valid.sum(axis=0)).mean())
    assert accuracy(pairs).error == pytest.approx(float(np.std(means)), rel=0.08)


LEVELS = [0.0, 0.25, 0.5, 0.75, 1.0]
LABELS = st.lists(
    st.fixed_dictionaries({"a": st.sampled_from(LEVELS), "b": st.sampled_from(LEVELS)}),
    min_size=2,
    max_size=4,
)
TARGETS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(LEVELS), min_size=1),
    min_size=1,
    max_size=6,
)


def nearest_by_hand(labels: Sequence[dict[str, float]], target: dict[str, float]) -> list[int]:
    misses = [sum((label[n] - v) ** 2 for n, v in target.items() if n in label) for label in labels]
    return [i for i, miss in enumerate(misses) if miss <= min(misses) + 1e-12]


@settings(deadline=None)
@given(st.lists(LABELS, min_size=1, max_size=5), TARGETS)
def test_who_selects_by_labels_is_always_right_and_chance_is_the_share_of_the_nearest(
    scenarios, wanted
):
    nearest = [[nearest_by_hand(labels, t) for t in wanted] for labels in scenarios]
    results = [
        scenario(labels, encode_choices([row[-1] for row in rows]), id=str(i))
        for i, (labels, rows) in enumerate(zip(scenarios, nearest, strict=True))
    ]
    found = accuracy(pairs_of(results, targets(*wanted)))
    judged = [
        [len(rows[t]) / len(labels) for labels, rows in zip(scenarios, nearest, strict=True)]
        for t in range(len(wanted))
    ]
    counted = [[share for share in shares if share < 1] for shares in judged]
    assert found.pairs == sum(map(len, counted))
    if found.pairs:
        assert found.mean == 1.0
        assert found.error in (None, pytest.approx(0.0))
        assert found.chance == pytest.approx(np.mean([np.mean(c) for c in counted if c]))
    assert found.pairs + found.ties + found.unlabelled == len(scenarios) * len(wanted)


def test_accuracy_by_size_takes_each_pair_by_the_attributes_that_count_for_it():
    both = scenario([{"kind": 1.0, "brief": 1.0}, {"kind": 0.0, "brief": 0.0}], "AB")
    wanted = targets({"kind": 1.0}, {"kind": 1.0, "brief": 1.0})
    found = accuracy_by_size(pairs_of([both, scenario(KIND, "AB", id="s2")], wanted))
    assert list(found) == [1, 2]
    # Size 1: the first target in both scenarios, and the second one where only `kind` is labelled.
    assert (found[1].pairs, found[1].mean) == (3, 0.5)
    assert (found[2].pairs, found[2].mean) == (1, 0.0)
    assert found[1].unlabelled == 0


# Scores against labels


def test_quality_of_scores_by_hand():
    scenarios = [
        scenario([{"a": 1.0}, {"a": 0.0}], scores={"a": (0.8, 0.1)}),
        scenario([{"a": 0.5}, {"a": 0.25}], scores={"a": (0.4, 0.4)}),
        scenario([{"a": 0.5}, {"a": 0.5}], scores={"a": (0.2, 0.3)}),
        scenario([{"a": 0.5}, {"a": 0.75}], unscored={"a": "truncated"}),
        scenario([{"b": 0.5}, {"b": 0.75}]),
    ]
    found = attribute_quality(scenarios, "a")
    assert found.labels == 8
    misses = [0.2, 0.1, 0.1, 0.15, 0.3, 0.2]
    assert found.absolute_error.value == pytest.approx(np.mean(misses))
    assert (found.absolute_error.parts, found.absolute_error.scenarios) == (6, 3)
    assert found.pairwise.value == pytest.approx((1 + 0.5) / 2)
    assert found.tied.value == pytest.approx(1 / 3)
    # Ranks 6, 1, 4, 2, 4, 4 of the labels and 6, 1, 4.5, 4.5, 2, 3 of the scores.
    assert found.correlation == pytest.approx(10.5 / np.sqrt(15.5 * 17))
    assert found.unscored == {"truncated": 1}


def test_pairwise_accuracy_takes_every_pair_with_different_labels():
    labels = [{"a": 0.0}, {"a": 0.5}, {"a": 1.0}]
    found = attribute_quality([scenario(labels, scores={"a": (0.2, 0.1, 0.9)})], "a")
    assert (found.pairwise.value, found.pairwise.parts) == (pytest.approx(2 / 3), 3)


def test_without_scores_there_is_nothing_to_tell():
    found = attribute_quality([scenario(KIND)], "kind")
    assert found.absolute_error.value is None
    assert found.correlation is None
    assert found.labels == 2


def test_equal_values_share_their_ranks():
    assert average_ranks(np.array([0.5, 0.1, 0.5, 0.9])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_spearman_sees_order_only():
    assert spearman(np.array([0.0, 0.5, 1.0]), np.array([0.1, 0.2, 0.9])) == pytest.approx(1.0)
    # Ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4.
    x, y = np.array([0.0, 0.5, 0.5, 1.0]), np.array([0.1, 0.3, 0.2, 0.4])
    assert spearman(x, y) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert spearman(np.array([0.5, 0.5]), np.array([0.0, 1.0])) is None


def test_reasons_are_counted_over_attributes_and_choices():
    scenarios = [
        scenario(KIND, unscored={"kind": "truncated", "brief": "deadline"}),
        scenario(KIND, unscored={"(choice)": "truncated"}),
    ]
    assert unscored_reasons(scenarios) == {"deadline": 1, "truncated": 2}


# Order, leaning, cost


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


def test_seconds_are_divided_by_the_requests_that_were_then_in_flight():
    """A scenario that is in flight with seven others takes an eighth of the machine."""
    scenarios = [scenario(KIND, seconds=16.0), scenario(KIND, seconds=6.0, concurrency=2)]
    found = cost(results(scenarios, concurrency=8))
    assert (found.mean_seconds, found.per_target) == (2.5, False)


def test_a_method_that_reads_the_target_costs_what_each_of_its_targets_does():
    """Each different target that a scenario can tell apart is asked for once; those without a
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


# Two runs


def test_a_run_does_not_differ_from_itself():
    pairs = table([[1, 0], [0, 1], [1, 1]])
    found = paired_difference(pairs, pairs, resamples=200)
    assert (found.difference, found.interval, found.opposite) == (0.0, (0.0, 0.0), 1.0)
    assert found.verdict == "unclear"


def test_a_clear_difference_is_told():
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


def test_only_shared_scenarios_are_compared_whatever_their_order():
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


def test_one_scenario_tells_a_difference_but_no_interval():
    found = paired_difference(table([[1]]), table([[0]]))
    assert (found.difference, found.interval, found.verdict) == (-1.0, None, "unclear")


def test_other_targets_are_refused():
    with pytest.raises(ValueError, match="same targets"):
        paired_difference(table([[1, 0]]), table([[1]]))


def test_position_biases_are_means_over_the_scenarios_that_were_asked_both_ways():
    measured = [
        scenario(KIND, "A", id=str(i), position_bias={"kind": bias})
        for i, bias in enumerate([0.1, 0.3])
    ]
    found = position_biases([*measured, scenario(KIND, "A", id="other")])
    assert found["kind"].value == pytest.approx(0.2)
    assert found["kind"].scenarios == 2
    assert found["kind"].error == pytest.approx(0.1)
    assert position_biases([scenario(KIND, "A")]) == {}
