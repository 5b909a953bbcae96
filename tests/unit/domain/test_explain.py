"""Explanations: shares of the distance, flips, candidates that are never selected."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.domain.selection.distance import distances
from app.domain.selection.explanation import explain, never_selected
from app.domain.selection.ranking import nearest
from app.domain.selection.targets import Bounds, target_matrix

NAMES = ("help", "wit", "care")
SCORES = np.array([[1.0, 0.2, 0.5], [0.6, 0.9, 0.5], [0.5, 0.1, 0.5]])
COVARIANCE = np.array([[0.10, 0.06, 0.0], [0.06, 0.08, 0.0], [0.0, 0.0, 0.05]])

cube = st.floats(0, 1).map(lambda value: round(value, 3))


def matrix(*values, weights=None):
    return target_matrix([dict(zip(NAMES, values, strict=False))], weights)


def selected(scores, target, metric="euclidean", covariance=None):
    return int(nearest(distances(scores, target, metric, covariance))[0])


def test_shares_show_which_attributes_make_up_the_distance():
    explanation = explain(SCORES[:2, :2], matrix(1.0, 0.0))
    chosen, runner_up = explanation.contributions
    assert (chosen.candidate, runner_up.candidate) == (0, 1)
    assert chosen.shares == {"help": 0.0, "wit": pytest.approx(1.0)}
    assert runner_up.shares["wit"] == pytest.approx(0.81 / (0.81 + 0.16))


@pytest.mark.parametrize(
    ("metric", "shares"),
    [
        # Errors of 0.4 and 0.1, weights 1 and 2.
        ("euclidean", (0.16, 2 * 0.01)),
        ("manhattan", (0.4, 2 * 0.1)),
        ("chebyshev", (0.4, 0)),
        # The inverse of the covariance is proportional to [[0.08, -0.06], [-0.06, 0.10]]: an error
        # on help predicts an error on wit of the same sign, and larger than 0.1.
        ("mahalanobis", (0.4 * (0.08 * 0.4 - 2**0.5 * 0.06 * 0.1),
                         0.1 * (2 * 0.10 * 0.1 - 2**0.5 * 0.06 * 0.4))),
    ],
)  # fmt: skip
def test_shares_follow_the_formula_of_each_distance(metric, shares):
    target = matrix(0.5, 0.5, weights={"wit": 2})
    explanation = explain(np.array([[0.9, 0.6]]), target, metric, COVARIANCE[:2, :2])
    help_, wit = shares
    assert explanation.contributions[0].shares == {
        "help": pytest.approx(help_ / (help_ + wit)),
        "wit": pytest.approx(wit / (help_ + wit)),
    }
    assert (wit < 0) is (metric == "mahalanobis")


def test_shares_for_bounds_use_weights():
    wish = {"help": Bounds(0.5, 1.0), "wit": Bounds(0.0, 0.1)}
    explanation = explain(np.array([[0.3, 0.3]]), target_matrix([wish], {"help": 3.0}))
    assert explanation.contributions[0].shares == {
        "help": pytest.approx(0.75),
        "wit": pytest.approx(0.25),
    }


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "mahalanobis"])
def test_shares_add_up_to_one_for_every_distance(metric):
    explanation = explain(SCORES, matrix(0.3, 0.7, 0.2, weights={"wit": 2}), metric, COVARIANCE)
    for contribution in explanation.contributions:
        assert sum(contribution.shares.values()) == pytest.approx(1)


def test_an_attribute_with_weight_zero_has_no_share_and_no_flip():
    target = matrix(0.3, 0.7, 0.2, weights={"wit": 0})
    explanation = explain(SCORES, target, "mahalanobis", COVARIANCE)
    assert explanation.contributions[0].shares["wit"] == 0
    assert explanation.flips is not None
    assert "wit" not in {flip.attribute for flip in explanation.flips}


def test_shares_are_zero_for_a_candidate_on_the_target():
    assert explain(SCORES, matrix(*SCORES[1])).contributions[0].shares == dict.fromkeys(NAMES, 0.0)


def test_shares_are_zero_within_bounds():
    target = target_matrix([{"help": Bounds(0.5, 1.0), "wit": Bounds(0.0, 0.1)}])
    explanation = explain(SCORES[:, :2], target)
    assert explanation.contributions[0].candidate == 2
    assert explanation.contributions[1].shares == {"help": 0.0, "wit": 1.0}
    assert explanation.flips is None


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
def test_manhattan_and_chebyshev_have_no_flips(metric):
    assert explain(SCORES, matrix(0.3, 0.7, 0.2), metric).flips is None


def test_flips_are_sorted_by_size_of_change():
    explanation = explain(SCORES[:2, :2], matrix(1.0, 0.0))
    assert explanation.flips is not None
    (wit,) = explanation.flips  # no desired value of help makes the second candidate nearer
    assert (wit.attribute, wit.candidate) == ("wit", 1)
    # |1 - 1|^2 + (0.2 - t)^2 = (0.6 - 1)^2 + (0.9 - t)^2
    assert wit.value == pytest.approx((0.16 + 0.81 - 0.04) / 1.4)
    assert wit.change == pytest.approx(wit.value)


@given(
    scores=arrays(float, st.tuples(st.integers(2, 5), st.just(3)), elements=cube),
    wishes=st.tuples(cube, cube, cube),
    weights=st.tuples(*[st.floats(0.1, 4)] * 3),
    metric=st.sampled_from(["euclidean", "mahalanobis"]),
)
def test_a_flip_is_the_first_value_at_which_two_candidates_tie(scores, wishes, weights, metric):
    weight_of = dict(zip(NAMES, weights, strict=True))
    target = matrix(*wishes, weights=weight_of)
    before = selected(scores, target, metric, COVARIANCE)
    explanation = explain(scores, target, metric, COVARIANCE)
    flips = {flip.attribute: flip for flip in explanation.flips}
    assert list(explanation.flips) == sorted(explanation.flips, key=lambda flip: abs(flip.change))
    for a, name in enumerate(NAMES):

        def at(value, a=a):
            moved = list(wishes)
            moved[a] = value
            return matrix(*moved, weights=weight_of)

        if name in flips:
            flip = flips[name]
            there = distances(scores, at(flip.value), metric, COVARIANCE)[0]
            assert there[flip.candidate] == pytest.approx(there[before], abs=1e-6)
            reach = flip.change
        else:
            reach = 0.0
            for end in (0.0, 1.0):  # whichever way one goes, the choice stays
                there = distances(scores, at(end), metric, COVARIANCE)[0]
                assert there[before] <= there.min() + 1e-6
        for part in (0.25, 0.75, 0.98):
            for there in (wishes[a] + part * reach, wishes[a] - part * reach):
                if 0 <= there <= 1:
                    distance = distances(scores, at(there), metric, COVARIANCE)[0]
                    assert distance[before] <= distance.min() + 1e-6


def test_candidates_with_the_scores_of_an_earlier_one_are_never_selected():
    scores = np.array([[0.5, 0.5], [0.1, 0.9], [0.5, 0.5], [0.5, 0.5 + 1e-12], [0.1, 0.8]])
    assert never_selected(scores) == (2, 3)
    assert explain(scores, matrix(0.5, 0.5)).never_selected == (2, 3)
    by_help_alone = target_matrix([{"help": 1.0, "wit": 0.0}], {"wit": 0.0})
    assert explain(scores, by_help_alone).never_selected == (2, 3, 4)


@given(arrays(float, st.tuples(st.integers(2, 6), st.just(3)), elements=cube))
def test_any_other_candidate_is_selected_by_the_target_equal_to_its_scores(scores):
    never = never_selected(scores)
    for c in range(len(scores)):
        assert (selected(scores, matrix(*scores[c])) == c) is (c not in never)
