"""The audit of groups: shares of variance, people dealt at random, people needed."""

import numpy as np
import pytest

from app.domain.people.audit import audit, dealt_p, people_needed
from app.domain.people.model import fit
from tests.made_ratings import made_bank


def audited(bank, **options):
    return audit(fit(bank.table), bank.table.membership, deals=199, draws=60, **options)


def share(found, part):
    return next(one for one in found.shares if one.part == part)


def test_groups_that_differ_are_found_and_explain_what_they_were_made_to():
    bank = made_bank(0, groups=8, people=40, group_sd=0.5, rounded=False)
    found = audited(bank)
    total = 0.25 + 0.49 + 0.64 + np.var(bank.mean)
    assert found.p == 1 / 200
    assert share(found, "group").share == pytest.approx(
        bank.groups.var(axis=0).mean() / total, abs=0.05
    )
    assert share(found, "group").measurable
    assert share(found, "person").share == pytest.approx(0.49 / total, abs=0.05)
    assert share(found, "class").share == pytest.approx(np.var(bank.mean) / total, abs=0.06)
    assert "These groups differ" in found.words[0]


def test_groups_that_do_not_differ_explain_nothing_however_people_differ():
    found = audited(made_bank(1, people=60))
    assert abs(share(found, "group").share) < 0.02
    assert not share(found, "group").measurable
    assert found.p > 0.05
    assert found.words[0].startswith("These groups do not differ measurably")
    assert "single people do" in found.words[0]


def test_p_is_as_often_below_a_tenth_as_chance_says_where_groups_do_not_differ():
    """Dealing ratings instead of people would find differences in most of these banks."""
    low = 0
    for seed in range(60):
        table = made_bank(seed, people=6, prompts=4).table
        means = fit(table).visits.means()
        low += dealt_p(means, table.membership, np.random.default_rng(0), 99) <= 0.1
    assert low <= 13  # 6 expected; more than 13 once in 400


def test_shares_add_up_and_intervals_hold_them():
    found = audited(made_bank(2, missing=0.3, group_sd=0.3))
    assert sum(one.share for one in found.shares) == pytest.approx(1.0)
    assert all(one.low <= one.share <= one.high for one in found.shares)


def test_the_same_bank_is_audited_alike():
    bank = made_bank(3, people=10)
    assert audited(bank) == audited(bank)


def test_people_needed_find_a_difference_four_times_in_five():
    bank = made_bank(4, people=40, rounded=False)
    needed = people_needed(fit(bank.table))
    assert [one.points for one in needed] == [0.5, 0.3, 0.2]
    variance = 0.49 + 0.64 / 15
    assert needed[0].people == pytest.approx(2 * 7.849 * variance / 0.25, rel=0.15)
    assert needed[0].people < needed[1].people < needed[2].people
    source = np.random.default_rng(0)
    size = needed[1].people
    first, second = source.standard_normal((2, 2000, size)) * variance**0.5
    gap = (first + 0.3).mean(axis=1) - second.mean(axis=1)
    error = np.sqrt((first.var(axis=1, ddof=1) + second.var(axis=1, ddof=1)) / size)
    assert (np.abs(gap / error) > 1.96).mean() == pytest.approx(0.8, abs=0.07)


def test_with_one_group_nothing_is_said_of_groups():
    found = audited(made_bank(5, groups=1))
    assert found.p is None
    assert share(found, "group").share == pytest.approx(0)
    assert "fewer than two groups" in found.words[0]


def test_a_bank_without_ratings_is_audited_too():
    bank = made_bank(6, people=2)
    table = bank.table.rows(np.zeros(len(bank.table), dtype=bool))
    found = audit(fit(table), table.membership)
    assert (found.ratings, found.people, found.p) == (0, 0, None)
