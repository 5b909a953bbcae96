"""Standard errors, probabilities, abstention."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.domain.cells import CandidateScore, DigitReading
from app.domain.selection.distance import distances
from app.domain.selection.ranking import nearest, rank
from app.domain.selection.targets import target_matrix
from app.domain.selection.uncertainty import (
    Abstention,
    CellErrors,
    Limits,
    OwnErrors,
    SharedErrors,
    abstain,
    probabilities,
    standard_errors,
)

HIGH = target_matrix([{"a": 1.0}])
NORMAL = np.array([np.inf])


def answered(*values):
    return CandidateScore(statistics.fmean(values), values=values)


def test_the_standard_error_shrinks_with_the_number_of_answers():
    two = standard_errors([answered(0.4, 0.6)])
    assert two == CellErrors((pytest.approx(math.sqrt(0.02) / math.sqrt(2)),), 1)
    eight = standard_errors([answered(*(0.4, 0.6) * 4)])
    assert eight.deviations < two.deviations
    assert eight.freedom == 7


def test_the_variance_of_answers_is_pooled_over_candidates():
    errors = standard_errors([answered(0.5, 0.5), answered(0.4, 0.6), answered(0.7, 0.9, 0.8)])
    assert errors.freedom == 4
    spread = math.sqrt((0.02 + 0.02) / 4)
    assert errors.deviations == pytest.approx([spread / math.sqrt(n) for n in (2, 2, 3)])


def test_a_candidate_with_one_valid_answer_uses_the_pooled_spread():
    errors = standard_errors([answered(0.5), answered(0.4, 0.6)])
    assert errors.deviations == pytest.approx([math.sqrt(0.02), math.sqrt(0.01)])


def test_the_error_of_single_answers_is_unknown():
    assert standard_errors([answered(0.5), answered(0.7)]) is None
    assert standard_errors([CandidateScore(0.5)]) is None


def test_the_error_of_a_digit_reading_is_its_deviation():
    digits = DigitReading((0.2, 0.2, 0.2, 0.2, 0.2), mass=1.0, deviation=0.3)
    read = [CandidateScore(0.5, values=(0.4, 0.6), spread=0.1, digits=digits)]
    assert standard_errors(read) == CellErrors((0.3,), math.inf)


@pytest.mark.parametrize("samples", [2, 3, 5])
def test_probabilities_match_observed_frequencies_even_with_few_samples(samples):
    """A judge whose answers have a standard deviation of 0.15 and are rounded to 0.05."""
    draw = np.random.default_rng(0)
    claimed, right = [], []
    for _ in range(1500):
        truth, wish = draw.normal(0.5, 0.15, 2), draw.random()
        said = np.round(20 * np.clip(truth + draw.normal(0, 0.15, (samples, 2)), 0, 1)) / 20
        cell = standard_errors([answered(*values) for values in said.T.tolist()])
        if cell is None or said.mean(axis=0)[0] == said.mean(axis=0)[1]:
            continue
        errors = OwnErrors(np.array([cell.deviations]).T, np.array([cell.freedom]))
        target = target_matrix([{"a": wish}])
        scores = said.mean(axis=0)[:, None]
        chosen = int(nearest(distances(scores, target))[0])
        claimed.append(probabilities(scores, errors, target)[chosen])
        right.append(chosen == int(np.argmin(abs(truth - wish))))
    claimed, right = np.array(claimed), np.array(right)
    sure = claimed > 0.9
    assert claimed[sure].mean() - right[sure].mean() < 0.06
    assert abs(claimed.mean() - right.mean()) < 0.05


def test_probabilities_match_the_normal_distribution():
    """Two scores 0.1 apart with an error of 0.05 each: P(difference > 0) = Phi(0.1 / 0.0707)."""
    scores, errors = np.array([[0.5], [0.6]]), OwnErrors(np.array([[0.05], [0.05]]), NORMAL)
    expected = 0.5 * (1 + math.erf(0.1 / math.hypot(0.05, 0.05) / math.sqrt(2)))
    assert probabilities(scores, errors, HIGH)[1] == pytest.approx(expected, abs=0.015)


def test_without_errors_the_nearest_has_probability_one():
    scores = np.array([[0.2], [0.9], [0.5]])
    assert probabilities(scores, OwnErrors(np.zeros((3, 1)), NORMAL), HIGH).tolist() == [0, 1, 0]


@settings(max_examples=25)
@given(
    scores=arrays(float, (3, 2), elements=st.floats(0, 1)),
    error=st.floats(0, 0.5),
    metric=st.sampled_from(["euclidean", "manhattan", "chebyshev"]),
)
def test_probabilities_add_up_to_one_and_are_reproducible(scores, error, metric):
    target = target_matrix([{"a": 0.7, "b": 0.2}])
    errors = OwnErrors(np.full_like(scores, error), np.array([3.0, np.inf]))
    chances = probabilities(scores, errors, target, metric)
    assert chances.sum() == pytest.approx(1)
    assert chances.tolist() == probabilities(scores, errors, target, metric).tolist()


@pytest.mark.parametrize(
    ("metric", "chosen"),
    [("manhattan", 0), ("chebyshev", 1), ("mahalanobis", 1), ("euclidean", 2)],
)
@pytest.mark.parametrize("error", [0.0, 0.01])
def test_probabilities_use_the_requested_distance(metric, chosen, error):
    """Distances from (0, 0): manhattan 0.5, 0.7 and 0.6; chebyshev 0.5, 0.35 and 0.45; euclidean
    0.5, 0.495 and 0.474. With mahalanobis, equal errors on both attributes weigh little."""
    scores = np.array([[0.5, 0.0], [0.35, 0.35], [0.15, 0.45]])
    target = target_matrix([{"a": 0.0, "b": 0.0}])
    alike = np.array([[0.1, 0.08], [0.08, 0.1]])
    errors = OwnErrors(np.full_like(scores, error), np.array([np.inf, np.inf]))
    chances = probabilities(scores, errors, target, metric, alike)
    assert int(chances.argmax()) == chosen
    assert chances[chosen] > 0.8


def test_errors_shared_by_candidates_do_not_blur_their_order():
    scores = np.array([[0.4], [0.5]])
    spread = np.array([[0.01]])
    own = probabilities(scores, SharedErrors(spread, np.zeros((1, 1))), HIGH)
    shared = probabilities(scores, SharedErrors(spread, 0.99 * spread), HIGH)
    assert own[1] < 0.8 < 0.99 < shared[1]


def test_drawn_errors_have_the_given_covariance_times_sharpness():
    same = np.array([[0.04, 0.01], [0.01, 0.09]])
    other = np.array([[0.02, -0.01], [-0.01, 0.03]])
    drawn = SharedErrors(same, other, sharpness=0.5).draw(np.random.default_rng(0), 200_000, 2)
    covariance = np.cov(drawn.reshape(-1, 4).T)  # candidate 0 on both attributes, then candidate 1
    assert covariance == pytest.approx(0.25 * np.block([[same, other], [other, same]]), abs=2e-4)


def test_errors_can_be_restricted_to_some_attributes():
    same, other = np.array([[0.04, 0.01], [0.01, 0.09]]), np.array([[0.02, 0.0], [0.0, 0.03]])
    errors = SharedErrors(same, other, levels=((0.0, 1.0), (0.0, 0.5, 1.0)), sharpness=0.5)
    turned = errors.within([1, 0])
    assert turned.same.tolist() == [[0.09, 0.01], [0.01, 0.04]]
    assert turned.other.tolist() == [[0.03, 0.0], [0.0, 0.02]]
    assert turned.levels == ((0.0, 0.5, 1.0), (0.0, 1.0))
    assert turned.sharpness == 0.5
    (alone,) = errors.within([1]).deviations
    assert alone == pytest.approx(0.3)


def test_drawn_labels_snap_to_levels():
    errors = SharedErrors(np.array([[0.04]]), np.zeros((1, 1)), levels=((0.0, 0.5, 1.0),))
    drawn = errors.snap(np.array([[[-0.3], [0.2], [0.3], [0.74], [0.76], [1.8]]]))
    assert drawn[0, :, 0].tolist() == [0, 0, 0.5, 0.5, 1, 1]


def test_draws_in_which_all_candidates_tie_are_ignored():
    errors = SharedErrors(np.array([[1e-6]]), np.zeros((1, 1)), levels=((0.0, 1.0),))
    alike = probabilities(np.array([[0.9], [0.8], [0.95]]), errors, HIGH)
    assert alike.tolist() == pytest.approx([1 / 3] * 3)
    sure = probabilities(np.array([[0.9], [0.1]]), errors, HIGH)
    assert sure.tolist() == [1, 0]


def selection(*distance):
    return rank(np.array(distance))


def test_without_limits_no_selection_abstains():
    assert abstain(selection(0.9, 0.9), None, Limits()) is None


@pytest.mark.parametrize(
    ("limits", "reason", "observed"),
    [
        (Limits(min_probability=0.8), "min-probability", 0.7),
        (Limits(min_margin=0.2), "min-margin", 0.1),
        (Limits(max_distance=0.05), "max-distance", 0.1),
        (Limits(min_margin=0.2, max_distance=0.05), "min-margin", 0.1),
    ],
)
def test_abstention_names_the_limit_that_is_missed(limits, reason, observed):
    missed = abstain(selection(0.1, 0.2), 0.7, limits)
    assert isinstance(missed, Abstention)
    assert missed.reason == reason
    assert missed.observed == pytest.approx(observed)


def test_a_selection_within_its_limits_does_not_abstain():
    met = Limits(min_probability=0.7, min_margin=0.1, max_distance=0.1)
    assert abstain(selection(0.1, 0.2), 0.7, met) is None


def test_an_unknown_probability_misses_any_limit():
    assert abstain(selection(0.1, 0.9), None, Limits(min_probability=0.1)).observed is None


def test_a_single_candidate_never_misses_a_margin():
    assert abstain(selection(0.1), None, Limits(min_margin=0.5)) is None


def test_a_thousand_candidates_are_drawn_in_blocks():
    """All at once would take gigabytes."""
    scores = np.linspace(0.2, 0.8, 1000)[:, None]
    errors = SharedErrors(np.array([[0.0001]]), np.zeros((1, 1)))
    chances = probabilities(scores, errors, HIGH)
    assert chances.sum() == pytest.approx(1)
    assert chances[-50:].sum() > 0.9
