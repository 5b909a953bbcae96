"""Expected ratings of people and groups."""

from dataclasses import replace

import numpy as np
import pytest

from app.domain.people.estimates import groups_of, of_person
from app.domain.people.model import fit
from app.domain.people.spread import Spread, positive, spread_of
from app.domain.people.visits import ANY, visits_of
from app.domain.ratings.table import NO_CLASS
from tests.made_ratings import SCALE, made_bank

SPREAD = Spread(
    mean=np.array([3.0, 4.0]),
    between=np.array([[1.0, 0.3], [0.3, 0.5]]),
    within=np.array([[0.8, 0.1], [0.1, 0.6]]),
    people=np.array([50.0, 50.0]),
)


def test_a_persons_estimate_is_the_class_mean_moved_towards_the_own_ratings():
    own = np.array([[5.0, 4.0], [4.0, 3.0], [5.0, 5.0]])
    between, within = SPREAD.between, SPREAD.within
    weight = between @ np.linalg.inv(between + within / 3)
    expected = SPREAD.mean + weight @ (own.mean(axis=0) - SPREAD.mean)
    estimate = of_person(SPREAD, own)
    assert estimate.mean == pytest.approx(expected)
    posterior = np.diag(between - weight @ between)
    assert (estimate.error >= posterior - 1e-12).all()
    assert estimate.error == pytest.approx(posterior, abs=0.01)


def test_a_rating_of_one_class_moves_the_others_as_far_as_people_who_like_both_go_together():
    estimate = of_person(SPREAD, np.array([[5.0, np.nan]]))
    moved = estimate.mean - SPREAD.mean
    assert moved[0] == pytest.approx(2 * 1.0 / 1.8)
    assert moved[1] == pytest.approx(2 * 0.3 / 1.8)


def test_missing_ratings_are_as_if_their_scenario_had_never_been_asked_about():
    own = np.array([[5.0, np.nan], [np.nan, 2.0], [np.nan, np.nan]])
    asked = of_person(SPREAD, own)
    assert asked.mean == pytest.approx(of_person(SPREAD, own[:2]).mean)
    assert asked.own == 2


def test_without_own_ratings_a_person_is_like_everyone():
    model = fit(made_bank().table)
    nobody = model.person(np.full((0, 5), np.nan))
    assert nobody.mean == pytest.approx(model.everyone().mean)
    assert nobody.deviation == pytest.approx(model.everyone().deviation, rel=0.01)


def test_people_who_do_not_differ_keep_the_class_mean():
    flat = replace(SPREAD, between=np.zeros((2, 2)))
    assert of_person(flat, np.array([[5.0, 1.0]] * 9)).mean == pytest.approx(SPREAD.mean)


def test_covariances_come_out_as_they_were_made_also_with_missing_ratings():
    for missing in (0.0, 0.4):
        bank = made_bank(1, people=400, rounded=False, missing=missing)
        spread = spread_of(visits_of(bank.table), SCALE)
        assert spread.mean == pytest.approx(bank.mean, abs=0.1)
        assert spread.between == pytest.approx(0.49 * np.eye(5), abs=0.08)
        assert spread.within == pytest.approx(0.64 * np.eye(5), abs=0.04)


def test_covariances_are_positive_semi_definite_even_from_two_people():
    spread = spread_of(visits_of(made_bank(3, groups=1, people=2, missing=0.5).table), SCALE)
    assert np.linalg.eigvalsh(spread.between).min() >= -1e-9
    assert np.linalg.eigvalsh(spread.within).min() > 0
    clipped = positive(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert np.linalg.eigvalsh(clipped) == pytest.approx([0.0, 3.0])


def test_one_prolific_rater_does_not_decide_the_class_mean():
    bank = made_bank(2, groups=1, people=20).table
    first = np.flatnonzero(bank.rater == 0)
    more = bank.rows(np.concatenate([np.arange(len(bank)), np.tile(first, 50)]))
    assert fit(more).spread.mean == pytest.approx(fit(bank).spread.mean)


def test_a_group_counts_its_people_not_their_ratings():
    bank = made_bank(4, group_sd=0.4)
    visits = visits_of(bank.table)
    spread = spread_of(visits, SCALE)
    groups = groups_of(spread, visits.means(), bank.table.membership, bank.table.groups)
    means = visits.means().reshape(4, 40, 5)
    raw = means.mean(axis=1)
    person = means.var(axis=1, ddof=1).mean(axis=0).sum()
    between = raw.var(axis=0, ddof=1).sum()
    assert groups.raw == pytest.approx(raw)
    assert groups.support == pytest.approx([max(0, 1 - person / (40 * between))] * 4)
    assert groups.mean == pytest.approx(spread.mean + groups.support[:, None] * (raw - spread.mean))


def test_groups_that_differ_are_believed_and_those_that_do_not_are_not():
    different = fit(made_bank(5, people=60, group_sd=0.6).table).groups.support
    alike = fit(made_bank(5, people=60, group_sd=0.0).table).groups.support
    assert different.min() > 0.8
    assert alike.max() < 0.5


def test_a_person_may_be_in_two_groups_and_a_group_may_have_nobody():
    table = made_bank(6, people=10).table
    both = np.hstack([table.membership, table.membership[:, :1], np.zeros((40, 1), dtype=bool)])
    model = fit(replace(table, membership=both, groups=(*table.groups, "again", "empty")))
    assert model.groups.mean[4] == pytest.approx(model.groups.mean[0])
    assert model.groups.mean[5] == pytest.approx(model.spread.mean)
    assert model.groups.support[5] == 0


def test_one_group_alone_keeps_the_class_means():
    model = fit(made_bank(6, groups=1).table)
    assert model.groups.support.tolist() == [0.0]


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_intervals_cover_four_fifths_of_new_ratings_in_every_class(missing):
    table = made_bank(7, people=60, missing=missing).table
    visits = visits_of(table)
    unknown = np.arange(len(table.raters)) % 4 == 0
    model = fit(table, ~unknown)
    inside = []
    for person in np.flatnonzero(unknown):
        ratings = visits.ratings[visits.person == person]
        low, high = model.interval(model.person(ratings[:5]))
        new = ratings[5:]
        inside.append(np.where(np.isnan(new), np.nan, (new >= low) & (new <= high)))
    covered = np.vstack(inside)
    assert 0.76 <= np.nanmean(covered) <= 0.86
    assert np.nanmean(covered, axis=0).min() >= 0.72


def test_own_ratings_are_worth_more_than_the_class_means():
    bank = made_bank(8, people=60)
    visits = visits_of(bank.table)
    unknown = np.arange(len(bank.table.raters)) % 4 == 0
    model = fit(bank.table, ~unknown)
    gains = []
    for person in np.flatnonzero(unknown):
        ratings = visits.ratings[visits.person == person]
        chosen = model.person(ratings[:5]).mean.argmax()
        gains.append(ratings[5:, chosen].mean() - ratings[5:, model.spread.mean.argmax()].mean())
    assert np.mean(gains) > 0.1


def test_expected_ratings_and_intervals_stay_on_the_scale():
    model = fit(made_bank(9).table)
    estimate = model.person(np.full((15, 5), 5.0))
    assert model.expected(estimate).max() <= 5.0
    assert model.interval(estimate).min() >= 1.0
    assert model.interval(estimate).max() <= 5.0


def test_responses_without_a_class_count_only_where_a_bank_has_no_classes():
    table = made_bank(10).table
    kinds = table.response_class.copy()
    kinds[:, 0] = NO_CLASS
    assert np.isnan(visits_of(replace(table, response_class=kinds)).ratings[:, 0]).all()
    plain = replace(table, classes=(), response_class=np.full_like(kinds, NO_CLASS))
    assert fit(plain).classes == (ANY,)
    assert fit(plain).spread.mean[0] == pytest.approx(table.value.mean(), abs=1e-9)


def test_a_bank_without_ratings_expects_the_middle_of_the_scale():
    table = made_bank(11).table
    model = fit(table.rows(np.zeros(len(table), dtype=bool)))
    assert model.everyone().mean.tolist() == [3.0] * 5
    assert model.groups.support.tolist() == [0.0] * 4
