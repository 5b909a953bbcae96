"""Targets that are distributions of values."""

import numpy as np
import pytest

from app.domain.selection.distance import distances
from app.domain.selection.distributions import (
    GRID,
    Decisions,
    Uniform,
    bandwidth,
    density,
    draw,
    drawn,
    jensen_shannon,
)
from app.domain.selection.explanation import explain
from app.domain.selection.ranking import nearest
from app.domain.selection.targets import Bounds, settled, with_curves

DECIDED = Decisions((0.2, 0.25, 0.3, 0.9))
SCORES = np.array([[0.0], [0.25], [0.6], [0.9]])


def test_a_density_is_highest_where_decisions_are_and_adds_up_to_one():
    shares = density(DECIDED)
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == 25
    assert shares[90] > shares[60]


def test_densities_lose_nothing_at_the_ends_of_the_scale():
    assert density(Decisions((0.0,))).argmax() == 0
    assert density(Decisions((0.0,)))[0] == pytest.approx(
        2 * density(Decisions((0.5,)))[50], rel=0.1
    )


def test_bandwidths_follow_silverman_down_to_a_least():
    values = np.random.default_rng(0).uniform(0, 1, 100)
    assert bandwidth(values) == pytest.approx(
        0.9 * min(values.std(ddof=1), 0.5 / 1.34) * 0.398, rel=0.1
    )
    assert bandwidth([0.5]) == bandwidth([0.5, 0.5]) == 0.05


def test_the_likeliest_candidate_is_the_one_in_the_middle_of_most_decisions():
    matrix = with_curves([{"a": DECIDED}], None, "likelihood")
    distance = distances(SCORES, matrix, "likelihood")
    assert nearest(distance).tolist() == [1]
    assert distance[0, 1] == pytest.approx(0.0, abs=0.01)
    assert distance[0, 3] < distance[0, 2]


def test_jensen_shannon_lies_between_the_same_and_disjoint_distributions():
    first, second = np.eye(2)
    assert jensen_shannon(first, first) == pytest.approx(0.0)
    assert jensen_shannon(first, second) == pytest.approx(1.0)
    matrix = with_curves([{"a": DECIDED}], None, "jensen_shannon")
    distance = distances(SCORES, matrix, "jensen_shannon")
    assert nearest(distance).tolist() == [1]
    assert 0 <= distance.min() <= distance.max() <= 1


def test_choices_so_far_make_the_rarer_decision_the_next_one():
    history = {"a": [0.2, 0.25, 0.3]}
    matrix = with_curves([{"a": DECIDED}], None, "jensen_shannon", history)
    assert nearest(distances(SCORES, matrix, "jensen_shannon")).tolist() == [3]


def test_cumulative_choices_reach_the_distribution():
    """Choosing again and again, each kind of decision is made as often as the group makes it."""
    chosen: list[float] = []
    for _ in range(40):
        matrix = with_curves([{"a": DECIDED}], None, "jensen_shannon", {"a": chosen})
        chosen.append(float(SCORES[nearest(distances(SCORES, matrix, "jensen_shannon"))[0], 0]))
    assert np.mean([c == 0.9 for c in chosen]) == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("metric", ["likelihood", "jensen_shannon"])
def test_values_are_single_decisions_and_bounds_are_uniform(metric):
    matrix = with_curves(
        [{"a": 0.6}, {"a": Bounds(0.85, 1.0)}, {"a": Bounds(0.601, 0.602)}], None, metric
    )
    assert nearest(distances(SCORES, matrix, metric)).tolist() == [2, 3, 2]
    assert density(Uniform(0.0, 1.0)) == pytest.approx(np.full(GRID, 1 / GRID))


def test_weights_and_missing_attributes_hold_for_distributions_too():
    scores = np.array([[0.25, 0.0], [0.9, 1.0]])
    targets = [{"a": DECIDED, "b": 1.0}, {"a": DECIDED}]
    matrix = with_curves(targets, {"a": 5.0}, "jensen_shannon")
    assert nearest(distances(scores, matrix, "jensen_shannon")).tolist() == [0, 0]
    light = with_curves(targets, {"a": 0.01}, "jensen_shannon")
    assert nearest(distances(scores, light, "jensen_shannon")).tolist() == [1, 0]
    part = light.part(np.array([0]), np.array([1]))
    assert nearest(distances(scores[:, 1:], part, "jensen_shannon")).tolist() == [1]


def test_an_explanation_splits_the_divergence_by_attribute():
    matrix = with_curves([{"a": DECIDED, "b": 1.0}], None, "jensen_shannon")
    found = explain(np.array([[0.25, 0.0], [0.6, 0.9]]), matrix, "jensen_shannon")
    assert found.flips is None
    for one in found.contributions:
        assert sum(one.shares.values()) == pytest.approx(1.0)


def test_draws_follow_the_distribution_and_repeat_with_the_seed():
    source = np.random.default_rng(0)
    values = np.array([draw(DECIDED, source) for _ in range(2000)])
    assert ((values >= 0) & (values <= 1)).all()
    assert (values > 0.6).mean() == pytest.approx(0.25, abs=0.04)
    targets = [{"a": DECIDED, "b": 0.5}, {"a": DECIDED}]
    draws = drawn(targets, 3)
    assert draws == drawn(targets, 3)
    assert draws[0]["a"] != draws[1]["a"]
    assert settled(targets, draws) == [{"a": draws[0]["a"], "b": 0.5}, draws[1]]
