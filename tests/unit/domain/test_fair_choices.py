"""One choice for several groups; menus; polarisation."""

import numpy as np
import pytest

from app.domain.people.fairness import fair_choice, own_choices, regrets
from app.domain.people.menus import best_menu, polarisation
from app.domain.people.model import fit
from tests.made_ratings import made_bank

SCALE = (1.0, 5.0)
EXPECTED = np.array([[5.0, 3.0, 4.0, 1.0], [1.0, 3.2, 2.0, 4.5], [5.0, 3.1, 4.0, 1.0]])


def test_each_group_has_its_own_choice():
    assert own_choices(EXPECTED).tolist() == [0, 3, 0]
    assert regrets(EXPECTED).min(axis=1).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("rule", "candidate", "value"),
    [
        ("maximin", 1, 3.0),
        ("utilitarian", 0, 11 / 3),
        ("nash", 1, np.log(np.array([2.0, 2.2, 2.1]) / 4).mean()),
        ("least_regret", 1, 2.0),
    ],
)
def test_each_rule_follows_its_name(rule, candidate, value):
    choice = fair_choice(EXPECTED, rule, SCALE)
    assert choice.candidate == candidate
    assert choice.value == pytest.approx(value)
    assert choice.regret == pytest.approx(regrets(EXPECTED)[:, candidate])


def test_weights_of_groups_count_for_sums_only():
    heavy = np.array([0.0, 1.0, 0.0])
    assert fair_choice(EXPECTED, "utilitarian", SCALE, heavy).candidate == 3
    assert fair_choice(EXPECTED, "nash", SCALE, heavy).candidate == 3
    assert fair_choice(EXPECTED, "maximin", SCALE, heavy).candidate == 1


def test_of_candidates_alike_that_with_the_higher_mean_is_chosen_then_the_first():
    alike = np.array([[2.0, 2.0, 2.0], [3.0, 4.0, 4.0]])
    choice = fair_choice(alike, "maximin", SCALE)
    assert (choice.candidate, choice.ties) == (1, (0, 2))


def test_nash_is_defined_for_a_group_that_expects_the_lowest_rating_of_everything():
    choice = fair_choice(np.array([[1.0, 1.0], [2.0, 3.0]]), "nash", SCALE)
    assert choice.candidate == 1


def test_maximin_never_leaves_the_worst_group_worse_off_than_the_class_means_choice():
    for seed in range(20):
        model = fit(made_bank(seed, people=10, group_sd=0.6).table)
        expected = model.groups.mean
        fair = fair_choice(expected, "least_regret", SCALE)
        by_mean = int(model.spread.mean.argmax())
        assert fair.regret.max() <= regrets(expected)[:, by_mean].max() + 1e-9
        assert expected[:, fair_choice(expected, "maximin", SCALE).candidate].min() >= (
            expected[:, by_mean].min() - 1e-9
        )


def test_choosing_by_group_wins_what_theory_says_where_groups_differ():
    """Of groups known by n people each, the choice wins E[max of K] of the effects that lambda
    leaves: close to that of the true effects with many people, nothing without differences."""
    won = {0.0: [], 0.8: []}
    possible = []
    for deviation, gains in won.items():
        for seed in range(30):
            bank = made_bank(
                seed, people=40, group_sd=deviation, mean=(3.0,) * 5, rounded=False, noise_sd=0.5
            )
            model = fit(bank.table)
            chosen = own_choices(model.groups.mean)
            by_mean = int(model.spread.mean.argmax())
            true = bank.groups
            gains.append((true[np.arange(4), chosen] - true[:, by_mean]).mean())
            if deviation:
                possible.append((true.max(axis=1) - true[:, by_mean]).mean())
    assert np.mean(won[0.0]) == pytest.approx(0.0, abs=1e-9)
    assert np.mean(won[0.8]) > 0.9 * np.mean(possible) > 0.3


def test_a_menu_of_two_serves_people_who_want_opposite_things():
    people = np.array([[5.0, 1.0, 3.4]] * 5 + [[1.0, 5.0, 3.4]] * 5)
    menu = best_menu(people, 2, SCALE)
    assert menu.candidates == (0, 1)
    assert (menu.expected, menu.single) == (5.0, pytest.approx(3.4))
    assert (menu.pleased, menu.single_pleased) == (1.0, 0.0)


def test_a_menu_is_no_larger_than_the_candidates_and_repeats_none():
    assert best_menu(np.ones((3, 2)), 3, SCALE).candidates == (0, 1)


def test_a_menu_of_many_candidates_is_nearly_the_best(monkeypatch):
    people = np.random.default_rng(0).uniform(1, 5, (50, 30))
    best = best_menu(people, 3, SCALE)
    monkeypatch.setattr("app.domain.people.menus._MOST_NUMBERS", 0)
    greedy = best_menu(people, 3, SCALE)
    assert len(set(greedy.candidates)) == 3
    assert best.expected >= greedy.expected >= 0.97 * best.expected


def test_a_class_that_many_love_and_many_hate_is_polarised():
    people = np.column_stack([[1.0, 5.0] * 10, [3.0] * 20, [5.0] * 20])
    found = polarisation(people, np.diag([4.0, 0.0, 0.0]), SCALE)
    assert [one.polarised for one in found] == [True, False, False]
    assert (found[0].against, found[0].favour, found[0].deviation) == (0.5, 0.5, 2.0)
