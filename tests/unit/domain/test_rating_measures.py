"""SPICA's measures, against their formulas and against the paper's published errors."""

from pathlib import Path

import numpy as np
import pytest

from app.domain.ratings.measures import (
    agreement,
    contrast,
    mismatch,
    mismatch_between_people,
    shrunk,
    shrunk_contrast,
    shrunk_stability,
    stability,
)
from app.domain.ratings.people import by_class, by_response
from app.domain.ratings.table import RatingTable, rating_table
from scripts.benchmark.records.spica import published_errors, read_spica

NAN = np.nan
SPICA = Path(__file__).resolve().parents[4] / "shared" / "data" / "spica"
PEOPLE = np.array(
    [
        [[1, 5, 3], [3, 5, 1]],  # two people, three responses
        [[4, 4, 4], [4, 4, 4]],
        [[1, 5, NAN], [NAN, NAN, NAN]],
    ],
    dtype=float,
)


def test_mismatch_has_both_readings_of_the_root():
    one, other = np.array([1.0, 2, 5]), np.array([1.0, 4, 1])
    assert mismatch(one, other) == pytest.approx(np.sqrt(20 / 3))
    assert mismatch(one, other, root="sum") == pytest.approx(np.sqrt(20))


def test_responses_that_only_one_has_are_left_out_of_the_mismatch():
    assert mismatch(np.array([1.0, NAN, 5]), np.array([3.0, 4, NAN])) == 2
    assert np.isnan(mismatch(np.array([1.0, NAN]), np.array([NAN, 4.0])))
    assert np.isnan(mismatch(np.array([1.0, NAN]), np.array([NAN, 4.0]), root="sum"))


def test_the_mismatch_between_people_is_the_mean_over_their_pairs():
    first = np.array([[1.0, 1], [3, 3]])
    second = np.array([[1.0, 1], [NAN, NAN]])
    assert mismatch_between_people(first, second) == 1  # of 0 and 2


def test_stability_is_the_mean_variance_between_people():
    assert stability(PEOPLE)[:2] == pytest.approx([-(1 + 0 + 1) / 3, 0])
    assert np.isnan(stability(PEOPLE)[2])  # one person always agrees


def test_contrast_is_the_mean_variance_between_responses():
    assert contrast(PEOPLE) == pytest.approx([8 / 3, 0, 4])


def test_shrunk_measures_of_equally_many_raters_keep_their_order():
    draw = np.random.default_rng(0)
    spread = draw.gamma(1, 1, (60, 1, 1))
    people = draw.normal(0, spread, (60, 2, 5)) + draw.normal(0, 2, (60, 1, 5)) * spread
    for plain, cautious in ((stability, shrunk_stability), (contrast, shrunk_contrast)):
        order = np.argsort(plain(people))
        assert np.all(np.diff(cautious(people)[order]) >= -1e-12)
        assert cautious(people).std() < plain(people).std() * 2


def test_a_scenario_with_one_rater_has_the_mean_stability():
    draw = np.random.default_rng(1)
    people = draw.normal(0, draw.gamma(1, 1, (40, 1, 1)), (40, 4, 5))
    people[0, 1:] = NAN
    shared = shrunk_stability(people)
    assert np.isfinite(shared).all()
    assert shared[1:].min() < shared[0] < shared[1:].max()


def test_shrinking_moves_what_chance_explains_to_the_mean():
    values = np.array([0.0, 10, NAN])
    assert shrunk(values, np.array([25.0, 25, 1])).tolist() == [5, 5, 5]
    assert shrunk(values, np.zeros(3)).tolist() == [0, 10, 5]
    assert shrunk(values, np.array([0.0, np.inf, 1])).tolist() == [0, 0, 0]


def table(*rows):
    """Rows of (scenario, response, rater, rating)."""
    scenario, response, rater, value = np.array(rows).T
    people, most = int(rater.max()) + 1, int(response.max()) + 1
    return RatingTable(
        scenario=scenario,
        response=response,
        rater=rater,
        value=value.astype(float),
        scenarios=tuple(map(str, range(int(scenario.max()) + 1))),
        raters=tuple(map(str, range(people))),
        groups=("g",),
        membership=np.ones((people, 1), dtype=bool),
        classes=("a", "b"),
        response_class=np.arange(most) % 2 + np.zeros((int(scenario.max()) + 1, 1), dtype=int),
        scale=(1, 5),
    )


def test_people_have_places_within_each_scenario():
    rows = table((0, 0, 2, 5), (0, 1, 2, 4), (0, 2, 2, 1), (1, 1, 0, 3), (1, 1, 2, 2))
    dense = by_response(rows)
    assert dense.shape == (2, 2, 3)
    assert dense[0, 0].tolist() == [5, 4, 1]
    assert dense[1, :, 1].tolist() == [3, 2]
    classes = by_class(rows)
    assert classes[0, 0].tolist() == [3, 4]  # both responses of the first class


def test_agreement_is_one_for_equal_ratings_and_about_zero_by_chance():
    equal = table((0, 0, 0, 5), (0, 0, 1, 5), (0, 1, 0, 1), (0, 1, 1, 1))
    assert agreement(equal) == 1
    assert agreement(table((0, 0, 0, 5), (0, 1, 1, 2))) is None
    draw = np.random.default_rng(2)
    rows = [(s, r, p, int(draw.integers(1, 6))) for s in range(60) for r in (0, 1) for p in (0, 1)]
    assert abs(agreement(table(*rows))) < 0.2


def test_agreement_is_that_of_krippendorffs_own_example():
    """Interval data of "Computing Krippendorff's alpha-reliability" (2011), part E: 0.849."""
    data = """
        1 2 3 3 2 1 4 1 2 . . .
        1 2 3 3 2 2 4 1 2 5 . 3
        . 3 3 3 2 3 4 2 2 5 1 .
        1 2 3 3 2 4 4 1 2 5 1 .
    """
    lines = [line.split() for line in data.split("\n") if line.strip()]
    rows = [
        (unit, 0, rater, int(value))
        for rater, line in enumerate(lines)
        for unit, value in enumerate(line)
        if value != "."
    ]
    assert agreement(table(*rows)) == pytest.approx(0.849, abs=0.001)


@pytest.mark.skipif(not SPICA.exists(), reason="SPICA's release is not on this machine")
def test_every_published_error_is_the_mismatch_of_a_bank_example():
    prompts = read_spica(SPICA / "train.jsonl", "text_rating")
    bank = read_spica(SPICA / "bank_ratings.jsonl", "text_rating")
    errors = published_errors(SPICA, prompts)
    assert len(errors) == 8
    own, others = rating_table(prompts), rating_table(bank)
    for (_, group), published in errors.items():
        asked, examples = by_class(own.of_group(group)), by_class(others.of_group(group))
        computed = mismatch_between_people(asked[:, None], examples[None, :])
        assert np.abs(computed - published[:, None]).min(axis=1).max() < 1e-9
