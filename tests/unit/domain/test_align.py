"""Targets, distances and ranking."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.selection.distance import distances
from app.domain.selection.ranking import nearest, rank
from app.domain.selection.targets import Bounds, WeightlessTarget, target_matrix, weighed

SCORES = np.array([[1.0, 0.2], [0.6, 0.9]])


def test_the_nearest_candidate_is_selected():
    selection = rank(distances(SCORES, target_matrix([{"help": 1.0, "verbosity": 0.0}]))[0])
    assert selection.selected.index == 0
    assert selection.selected.distance == pytest.approx(0.2)
    assert selection.margin == pytest.approx(math.hypot(0.4, 0.9) - 0.2)
    assert selection.ties == ()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("euclidean", [math.hypot(0.4, 0.4), math.hypot(0.1, 0.2)]),
        ("manhattan", [0.8, 0.3]),
        ("chebyshev", [0.4, 0.2]),
    ],
)
def test_each_distance_follows_its_formula(metric, expected):
    scores = np.array([[0.9, 0.1], [0.6, 0.7]])
    got = distances(scores, target_matrix([{"a": 0.5, "b": 0.5}]), metric)
    assert got[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("euclidean", math.sqrt(4 * 0.09 + 0.16)), ("manhattan", 1.6), ("chebyshev", 1.2)],
)
def test_weights_scale_the_distance_on_an_attribute(metric, expected):
    weights = {"a": 4.0}
    matrix = target_matrix([{"a": 0.5, "b": 0.5}], weights)
    got = distances(np.array([[0.8, 0.1]]), matrix, metric)
    assert got[0, 0] == pytest.approx(expected)


def test_attributes_not_in_the_target_are_ignored():
    matrix = target_matrix([{"a": 1.0}, {"b": 1.0}, {"b": 0.9, "a": 0.2}])
    assert matrix.attributes == ("a", "b")
    assert nearest(distances(SCORES, matrix)).tolist() == [0, 1, 1]


def test_the_first_of_tied_candidates_is_selected():
    scores = np.array([[0.9], [0.5], [0.5 + 1e-15], [0.5]])
    selection = rank(distances(scores, target_matrix([{"a": 0.5}]))[0])
    assert selection.selected.index == 1
    assert selection.ties == (2, 3)
    assert selection.margin == pytest.approx(0.0, abs=1e-9)
    assert [r.index for r in selection.ranking] == [1, 2, 3, 0]


def test_a_target_with_zero_weights_only_is_rejected():
    with pytest.raises(WeightlessTarget):
        target_matrix([{"a": 1.0}, {"b": 1.0}], {"b": 0.0})


def test_a_single_candidate_has_no_margin():
    assert rank(np.array([0.3])).margin is None


unit = st.floats(0, 1, allow_nan=False)
NEARLY = [0.0, 0.1, 0.1 + 1e-15, 0.1 + 8e-10, 0.2, 0.7]


@given(
    scores=st.lists(st.tuples(unit, unit, unit), min_size=1, max_size=6),
    targets=st.lists(
        st.dictionaries(st.sampled_from("abc"), unit, min_size=1), min_size=1, max_size=5
    ),
    weights=st.dictionaries(st.sampled_from("abc"), st.floats(0.01, 5)),
    metric=st.sampled_from(["euclidean", "manhattan", "chebyshev"]),
)
def test_array_distances_match_the_scalar_formula(scores, targets, weights, metric):
    matrix = target_matrix(targets, weights)
    columns = ["abc".index(name) for name in matrix.attributes]
    got = distances(np.array(scores)[:, columns], matrix, metric)
    for t, target in enumerate(targets):
        for c, candidate in enumerate(scores):
            parts = [
                (weights.get(name, 1.0), abs(candidate["abc".index(name)] - value))
                for name, value in target.items()
            ]
            expected = {
                "euclidean": math.sqrt(sum(w * d * d for w, d in parts)),
                "manhattan": sum(w * d for w, d in parts),
                "chebyshev": max(w * d for w, d in parts),
            }[metric]
            assert got[t, c] == pytest.approx(expected, abs=1e-12)


@given(
    st.lists(
        st.lists(
            st.sampled_from([0.0, 0.1, 0.1 + 1e-15, 0.1 + 8e-10, 0.2, 0.7]), min_size=3, max_size=3
        ),
        min_size=1,
        max_size=8,
    )
)
def test_nearest_and_rank_select_the_same_candidate(rows):
    distance = np.array(rows)
    assert nearest(distance).tolist() == [rank(row).selected.index for row in distance]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Bounds(high=0.5), [0.4, 0.0]),
        (Bounds(low=0.5), [0.0, 0.4]),
        (Bounds(0.2, 0.3), [0.6, 0.1]),
        (Bounds(0.2, 0.2), [0.7, 0.1]),
    ],
)
def test_scores_within_bounds_have_distance_zero(wish, expected):
    scores = np.array([[0.9], [0.1]])
    for metric in ("euclidean", "manhattan", "chebyshev"):
        got = distances(scores, target_matrix([{"a": wish}]), metric)
        assert got[0].tolist() == pytest.approx(expected)


def test_a_target_may_mix_values_and_bounds():
    matrix = target_matrix([{"a": 1.0, "b": Bounds(high=0.5)}, {"a": 0.0}])
    got = distances(np.array([[0.4, 0.9], [0.4, 0.3]]), matrix)
    assert got[0].tolist() == pytest.approx([math.hypot(0.6, 0.4), 0.6])
    assert got[1].tolist() == pytest.approx([0.4, 0.4])


COVARIANCE = np.array([[0.10, 0.08, 0.0], [0.08, 0.10, 0.0], [0.0, 0.0, 0.05]])


def test_mahalanobis_counts_correlated_attributes_once():
    """Two errors that usually occur together weigh less than two independent ones."""
    scores = np.array([[0.5, 0.5, 1.0], [0.5, 1.0, 0.5]])
    matrix = target_matrix([{"a": 1.0, "b": 1.0, "c": 1.0}])
    together, apart = distances(scores, matrix, "mahalanobis", COVARIANCE)[0]
    error = np.array([0.5, 0.5, 0.0])
    assert together == pytest.approx(math.sqrt(error @ np.linalg.inv(COVARIANCE) @ error))
    alone = distances(scores[:1], target_matrix([{"a": 1.0}]), "mahalanobis", COVARIANCE[:1, :1])
    assert together < 1.1 * alone[0, 0]
    assert apart > 1.5 * together


def test_mahalanobis_with_identity_covariance_is_euclidean():
    matrix = target_matrix([{"a": 0.2, "b": 0.9}, {"b": 0.1}, {"a": 1.0}], {"b": 3.0})
    scores = np.array([[0.9, 0.1], [0.6, 0.7]])
    got = distances(scores, matrix, "mahalanobis", np.eye(2))
    assert got == pytest.approx(distances(scores, matrix))


def test_mahalanobis_ignores_attributes_with_weight_zero():
    scores = np.array([[0.2, 0.9, 0.4], [0.7, 0.1, 0.5]])
    some, without = {"a": 1.0, "b": 0.5}, {"b": 0.0}
    for metric in ("euclidean", "manhattan", "chebyshev", "mahalanobis"):
        weighed = distances(scores[:, :2], target_matrix([some], without), metric, COVARIANCE)
        named = distances(scores[:, :1], target_matrix([{"a": 1.0}]), metric, COVARIANCE)
        assert weighed == pytest.approx(named)


def test_mahalanobis_of_one_target_does_not_depend_on_the_others():
    draw = np.random.default_rng(0)
    scores = draw.random((4, 3))
    wishes = [dict(zip("abc", row, strict=True)) for row in draw.random((9, 3)).tolist()]
    weights = {"a": 0.5, "c": 3.0}
    together = distances(scores, target_matrix(wishes, weights), "mahalanobis", COVARIANCE)
    alone = [
        distances(scores, target_matrix([w], weights), "mahalanobis", COVARIANCE)[0] for w in wishes
    ]
    assert together == pytest.approx(np.array(alone))


def test_mahalanobis_rejects_bounds_and_a_missing_covariance():
    with pytest.raises(ValueError, match="covariance"):
        distances(SCORES, target_matrix([{"a": 1.0, "b": 1.0}]), "mahalanobis")
    with pytest.raises(ValueError, match="without bounds"):
        distances(SCORES[:, :1], target_matrix([{"a": Bounds()}]), "mahalanobis", np.eye(1))


def test_relevance_multiplies_weights_and_irrelevant_targets_keep_theirs():
    matrix = target_matrix([{"help": 1.0, "verbosity": 0.0}, {"help": 1.0}], {"verbosity": 2.0})
    relevant = weighed(matrix, {"help": 0.0, "verbosity": 0.5})
    assert relevant.weights.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert matrix.weights.tolist() == [[1.0, 2.0], [1.0, 0.0]]
