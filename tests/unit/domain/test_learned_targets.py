"""Targets learned from what was preferred."""

import numpy as np
import pytest

from app.domain.selection.distance import distances
from app.domain.selection.learning import learn_target, preferences
from app.domain.selection.ranking import nearest
from app.domain.selection.targets import target_matrix

NAMES = ("warmth", "length", "wit")


def observed(target, weights, *, scenarios=120, noise=0.3, seed=0):
    source = np.random.default_rng(seed)
    scores = [source.random((4, len(NAMES))) for _ in range(scenarios)]
    ratings = [
        -((one - np.array(target)) ** 2 @ np.array(weights)) * 6 + noise * source.gumbel(size=4)
        for one in scores
    ]
    return scores, ratings


def test_the_target_and_weights_behind_preferences_are_found():
    scores, ratings = observed((0.3, 1.0, 0.5), (1.0, 0.5, 0.0))
    learned = learn_target(preferences(scores, ratings, 3), NAMES)
    assert learned.target == pytest.approx({"warmth": 0.3, "length": 1.0}, abs=0.1)
    assert learned.weights == pytest.approx({"warmth": 1.0, "length": 0.5}, abs=0.15)
    assert learned.accuracy > 0.85
    assert (learned.pairs, learned.scenarios) == (720, 120)


def test_a_learned_target_is_an_ordinary_one_and_selects_what_was_preferred():
    scores, ratings = observed((0.0, 0.6, 1.0), (0.4, 1.0, 1.0), noise=0.0)
    learned = learn_target(preferences(scores, ratings, 3), NAMES)
    columns = [NAMES.index(name) for name in learned.target]
    matrix = target_matrix([learned.target], learned.weights)
    new, rated = observed((0.0, 0.6, 1.0), (0.4, 1.0, 1.0), noise=0.0, seed=1)
    chosen = [int(nearest(distances(one[:, columns], matrix))[0]) for one in new]
    assert np.mean([c == r.argmax() for c, r in zip(chosen, rated, strict=True)]) > 0.9


def test_preferences_at_random_are_explained_no_better_than_by_chance():
    source = np.random.default_rng(0)
    scores = [source.random((4, 3)) for _ in range(200)]
    ratings = [source.random(4) for _ in range(200)]
    assert learn_target(preferences(scores, ratings, 3), NAMES).accuracy < 0.58


def test_ties_and_missing_ratings_say_nothing():
    scores = [np.array([[0.1], [0.5], [0.9]])]
    pairs = preferences(scores, [np.array([2.0, 2.0, np.nan])], 1)
    assert len(pairs.weight) == 0
    with pytest.raises(ValueError, match="no scenario"):
        learn_target(pairs, ["a"])


def test_attributes_that_do_not_differ_explain_nothing():
    pairs = preferences([np.full((2, 1), 0.5)], [np.array([1.0, 2.0])], 1)
    with pytest.raises(ValueError, match="do not differ"):
        learn_target(pairs, ["a"])


def test_each_scenario_counts_alike_whatever_the_scale_of_its_ratings():
    scores = [np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]])]
    pairs = preferences(scores, [np.array([0.0, 100.0]), np.array([0.0, 1.0])], 1)
    assert pairs.weight.tolist() == [1.0, 1.0]
