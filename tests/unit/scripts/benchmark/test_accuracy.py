"""Accuracy, its errors, and chance."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.benchmark.measures.accuracy import accuracy, accuracy_by_size
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.choices import encode_choices
from tests.unit.scripts.benchmark.made_runs import KIND, scenario, table, targets


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
def test_selecting_by_labels_is_always_correct_and_chance_is_the_share_of_nearest(
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


def test_accuracy_by_size_counts_labelled_attributes_only():
    both = scenario([{"kind": 1.0, "brief": 1.0}, {"kind": 0.0, "brief": 0.0}], "AB")
    wanted = targets({"kind": 1.0}, {"kind": 1.0, "brief": 1.0})
    found = accuracy_by_size(pairs_of([both, scenario(KIND, "AB", id="s2")], wanted))
    assert list(found) == [1, 2]
    # Size 1: the first target in both scenarios, and the second one where only `kind` is labelled.
    assert (found[1].pairs, found[1].mean) == (3, 0.5)
    assert (found[2].pairs, found[2].mean) == (1, 0.0)
    assert found[1].unlabelled == 0
