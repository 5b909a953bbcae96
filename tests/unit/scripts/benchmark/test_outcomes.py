"""Which selections are correct."""

import pytest

from scripts.benchmark.measures.accuracy import accuracy
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.results import ScenarioResult
from tests.unit.scripts.benchmark.made_runs import KIND, outcome, scenario, targets


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


def test_all_nearest_candidates_are_correct():
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


def test_one_set_can_have_scenarios_with_different_attributes():
    other = scenario([{"brief": 0.0}, {"brief": 1.0}], "-B", id="s2")
    pairs = pairs_of([scenario(KIND, "A-"), other], targets({"kind": 1.0}, {"brief": 1.0}))
    found = accuracy(pairs)
    assert (found.mean, found.pairs, found.unlabelled, found.unselected) == (1.0, 2, 2, 0)
