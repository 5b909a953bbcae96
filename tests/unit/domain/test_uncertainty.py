"""Standard errors, probabilities, abstention."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.domain.align import distances, nearest, rank, target_matrix
from app.domain.types import CandidateScore
from app.domain.uncertainty import (
    Abstention,
    Limits,
    OwnErrors,
    SharedErrors,
    abstain,
    probabilities,
    standard_error,
)

HIGH = target_matrix([{"a": 1.0}])


def test_the_error_of_a_mean_shrinks_with_the_answers_behind_it():
    two = CandidateScore(0.5, values=(0.4, 0.6))
    assert standard_error(two) == pytest.approx(math.sqrt(0.02) / math.sqrt(2))
    eight = CandidateScore(0.5, values=(0.4, 0.6) * 4)
    assert standard_error(eight) < standard_error(two)


def test_a_single_answer_tells_nothing_of_its_error():
    assert standard_error(CandidateScore(0.5, values=(0.5,))) is None
    assert standard_error(CandidateScore(0.5)) is None


def test_a_probability_is_that_of_the_normal_distribution():
    """Two scores 0.1 apart with an error of 0.05 each: P(difference > 0) = Phi(0.1 / 0.0707)."""
    scores, errors = np.array([[0.5], [0.6]]), OwnErrors(np.array([[0.05], [0.05]]))
    expected = 0.5 * (1 + math.erf(0.1 / math.hypot(0.05, 0.05) / math.sqrt(2)))
    assert probabilities(scores, errors, HIGH)[1] == pytest.approx(expected, abs=0.015)


def test_without_errors_the_nearest_is_certain():
    scores = np.array([[0.2], [0.9], [0.5]])
    assert probabilities(scores, OwnErrors(np.zeros((3, 1))), HIGH).tolist() == [0, 1, 0]


@settings(max_examples=25)
@given(
    scores=arrays(float, (3, 2), elements=st.floats(0, 1)),
    error=st.floats(0, 0.5),
    metric=st.sampled_from(["euclidean", "manhattan", "chebyshev"]),
)
def test_probabilities_add_up_and_are_the_same_again(scores, error, metric):
    target = target_matrix([{"a": 0.7, "b": 0.2}])
    errors = OwnErrors(np.full_like(scores, error))
    found = probabilities(scores, errors, target, metric)
    assert found.sum() == pytest.approx(1)
    assert found.tolist() == probabilities(scores, errors, target, metric).tolist()
    if error == 0:
        distance = distances(scores, target, metric)
        nearest_ones = 1 + len(rank(distance[0]).ties)
        assert found[nearest(distance)[0]] == pytest.approx(1 / nearest_ones)


def test_errors_that_candidates_share_do_not_blur_which_is_nearer():
    scores = np.array([[0.4], [0.5]])
    spread = np.array([[0.01]])
    own = probabilities(scores, SharedErrors(spread, np.zeros((1, 1))), HIGH)
    shared = probabilities(scores, SharedErrors(spread, 0.99 * spread), HIGH)
    assert own[1] < 0.8 < 0.99 < shared[1]


def test_labels_that_lie_on_levels_are_drawn_there():
    errors = SharedErrors(np.array([[0.04]]), np.zeros((1, 1)), levels=((0.0, 0.5, 1.0),))
    drawn = errors.settle(np.array([[[-0.3], [0.2], [0.3], [0.74], [0.76], [1.8]]]))
    assert drawn[0, :, 0].tolist() == [0, 0, 0.5, 0.5, 1, 1]


def test_draws_in_which_all_are_equally_near_decide_nothing():
    errors = SharedErrors(np.array([[1e-6]]), np.zeros((1, 1)), levels=((0.0, 1.0),))
    alike = probabilities(np.array([[0.9], [0.8], [0.95]]), errors, HIGH)
    assert alike.tolist() == pytest.approx([1 / 3] * 3)
    sure = probabilities(np.array([[0.9], [0.1]]), errors, HIGH)
    assert sure.tolist() == [1, 0]


def selection(*distance):
    return rank(np.array(distance))


def test_without_limits_everything_is_selected():
    assert abstain(selection(0.9, 0.9), None, Limits()) is None


@pytest.mark.parametrize(
    ("limits", "reason", "found"),
    [
        (Limits(min_probability=0.8), "min-probability", 0.7),
        (Limits(min_margin=0.2), "min-margin", 0.1),
        (Limits(max_distance=0.05), "max-distance", 0.1),
        (Limits(min_margin=0.2, max_distance=0.05), "min-margin", 0.1),
    ],
)
def test_a_selection_that_misses_a_limit_is_none_and_says_which(limits, reason, found):
    missed = abstain(selection(0.1, 0.2), 0.7, limits)
    assert isinstance(missed, Abstention)
    assert missed.reason == reason
    assert missed.found == pytest.approx(found)


def test_limits_that_are_met_select():
    met = Limits(min_probability=0.7, min_margin=0.1, max_distance=0.1)
    assert abstain(selection(0.1, 0.2), 0.7, met) is None


def test_a_probability_that_is_not_known_is_not_enough():
    assert abstain(selection(0.1, 0.9), None, Limits(min_probability=0.1)).found is None


def test_a_single_candidate_has_no_margin_to_miss():
    assert abstain(selection(0.1), None, Limits(min_margin=0.5)) is None
