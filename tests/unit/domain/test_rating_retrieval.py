"""Retrieval for a group: weights, expected ratings, and how many examples it uses."""

import numpy as np
import pytest

from app.domain.ratings.groups import GroupRatings, group_ratings
from app.domain.ratings.measures import contrast, mismatch_between_people, stability
from app.domain.ratings.retrieval import (
    FOLDS,
    MOST_PAIRS,
    Weights,
    composite,
    fit_pairs,
    fit_weights,
    from_expected,
    reach_of,
)
from app.domain.ratings.table import RatingTable

NAN = np.nan


def table_of(people: np.ndarray) -> RatingTable:
    """A table of one group from ratings (scenarios, people, responses); each response a class."""
    scenario, rater, response = np.nonzero(~np.isnan(people))
    scenarios, raters, responses = people.shape
    return RatingTable(
        scenario=scenario,
        response=response,
        rater=rater,
        value=people[scenario, rater, response],
        scenarios=tuple(map(str, range(scenarios))),
        raters=tuple(map(str, range(raters))),
        groups=("g",),
        membership=np.ones((raters, 1), dtype=bool),
        classes=tuple("abcdefgh"[:responses]),
        response_class=np.tile(np.arange(responses), (scenarios, 1)),
        scale=(1.0, 5.0),
    )


def drawn(scenarios: int = 40, people: int = 3) -> np.ndarray:
    draw = np.random.default_rng(0)
    liked = draw.normal([1.5, 3, 4], 0.6, (scenarios, 1, 3))
    noise = draw.gamma(2, 0.4, (scenarios, 1, 1)) * draw.normal(0, 1, (scenarios, people, 3))
    return np.clip(np.round(liked + noise), 1, 5)


def test_a_group_has_its_means_on_the_scale_and_on_the_unit_interval():
    people = np.array([[[1, 5], [3, 5]], [[3, 3], [3, 3]], [[NAN, NAN], [NAN, NAN]]])
    ratings = group_ratings(table_of(people), "g")
    assert ratings.means[:2].tolist() == [[2, 5], [3, 3]]
    assert ratings.appropriateness[:2].tolist() == [[0.25, 1], [0.5, 0.5]]
    assert ratings.rated.tolist() == [True, True, False]
    assert ratings.flat.tolist() == [False, True, True]
    assert ratings.comparable


def test_responses_without_classes_are_not_comparable():
    table = table_of(drawn(5))
    unclassed = RatingTable(
        **{
            **{name: getattr(table, name) for name in table.__dataclass_fields__},
            "classes": (),
            "response_class": np.full((5, 3), -1),
        }
    )
    assert not group_ratings(unclassed, "g").comparable


def test_what_is_expected_leaves_out_the_scenarios_of_the_query():
    ratings = group_ratings(table_of(np.array([[[1, 5.0]], [[3, 3]], [[5, 1]]])), "g")
    assert ratings.expected(np.array([], dtype=int)).tolist() == [3, 3]
    assert ratings.expected(np.array([0])).tolist() == [4, 2]


def test_the_nearest_to_the_expected_ratings_is_one_on_which_raters_agree():
    people = np.array(
        [[[2, 4], [2, 4]], [[1, 5], [3, 3]], [[1, 5], [1, 5]], [[NAN, NAN], [3, NAN]]]
    )
    ratings = group_ratings(table_of(people), "g")
    away = from_expected(ratings, np.array([0, 1, 2]), np.array([2.0, 4.0]))
    assert away[0] == away.min()
    assert away[2] == away.max()
    assert from_expected(ratings, np.array([3]), np.array([NAN, 4.0])).tolist() == [np.inf]


def test_the_composite_is_the_weighted_sum_of_the_paper():
    people = drawn(6)
    ratings = group_ratings(table_of(people), "g")
    similarity = np.linspace(0, 1, 6)
    weights = Weights(similarity=-0.5, stability=-0.2, contrast=0.1, constant=1)
    expected = -0.5 * similarity - 0.2 * stability(people) + 0.1 * contrast(people) + 1
    assert composite(weights, ratings, np.arange(6), similarity) == pytest.approx(expected)


def test_weights_that_the_mismatch_follows_are_found():
    people = drawn(60)
    ratings = group_ratings(table_of(people), "g")
    query, example = fit_pairs(np.arange(60), np.arange(60))
    assert len(query) == 60 * 59
    similarity = np.random.default_rng(1).random(len(query))
    folds = np.arange(60) % FOLDS
    fitted = fit_weights(ratings, query, example, similarity, folds)
    observed = mismatch_between_people(people[query], people[example])
    predicted = composite(fitted.whole, ratings, example, similarity)
    assert abs(fitted.whole.similarity) < 0.1
    assert fitted.whole.stability < 0
    assert np.mean(predicted) == pytest.approx(np.mean(observed), abs=1e-3)
    without = fit_weights(
        ratings,
        *(
            part[(folds[query] != 2) & (folds[example] != 2)]
            for part in (query, example, similarity)
        ),
        folds,
    )
    assert fitted.of(2) == without.whole
    assert fitted.of(None) == fitted.whole


def test_rows_with_the_same_question_are_no_pair():
    query, example = fit_pairs(np.array([0, 1, 2]), np.array([7, 7, 8]))
    assert sorted(zip(query.tolist(), example.tolist(), strict=True)) == [
        (0, 2),
        (1, 2),
        (2, 0),
        (2, 1),
    ]


def test_the_pairs_of_a_large_bank_are_drawn_and_always_the_same():
    rows = np.arange(5000)
    first, again = fit_pairs(rows, rows), fit_pairs(rows, rows)
    assert len(first[0]) <= MOST_PAIRS
    assert np.array_equal(first[0], again[0])


def test_no_weights_without_ratings():
    ratings = group_ratings(table_of(np.array([[[1.0, 5]], [[3, 3]]])), "g")
    query, example = fit_pairs(np.arange(2), np.arange(2))
    assert fit_weights(ratings, query, example, np.ones(2), np.zeros(2, dtype=int)) is None


def test_few_examples_for_most_questions_are_degenerate():
    assert reach_of(np.repeat([4, 9], 50)).degenerate
    many = reach_of(np.arange(100) % 20)
    assert not many.degenerate
    assert (many.questions, many.examples, many.top_share) == (100, 20, 0.15)
    assert not reach_of(np.zeros(5, dtype=int)).degenerate  # too few questions to know


def test_a_group_is_arranged_as_a_whole():
    assert isinstance(group_ratings(table_of(drawn(3)), "g"), GroupRatings)
    with pytest.raises(ValueError, match="no rater is in group 'h'"):
        group_ratings(table_of(drawn(3)), "h")
