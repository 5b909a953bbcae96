"""Scores against labels."""

import numpy as np
import pytest

from scripts.benchmark.measures.scores import (
    attribute_quality,
    average_ranks,
    spearman,
    unscored_reasons,
)
from tests.unit.scripts.benchmark.made_runs import KIND, scenario


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


def test_without_scores_there_is_no_quality():
    found = attribute_quality([scenario(KIND)], "kind")
    assert found.absolute_error.value is None
    assert found.correlation is None
    assert found.labels == 2


def test_equal_values_share_their_ranks():
    assert average_ranks(np.array([0.5, 0.1, 0.5, 0.9])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_spearman_depends_on_order_only():
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
