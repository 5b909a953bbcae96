"""The form of the everyday scenarios; neither position nor length gives the right choice."""

from collections import Counter

import pytest

from app.store.attribute_sets import builtin_attribute_sets
from scripts.everyday.scenarios import HALVES, Choice, EverydayScenario, everyday_scenarios

ATTRIBUTES = {attribute.name for attribute in builtin_attribute_sets()["helpsteer2"].attributes}


def choices_of(half) -> list[tuple[EverydayScenario, Choice]]:
    return [(s, c) for s in everyday_scenarios(half) for c in s.choices]


def test_the_halves_are_large_enough_of_equal_kind_and_share_nothing():
    opened, closed = (everyday_scenarios(half) for half in HALVES)
    assert len(opened) == len(closed) >= 18
    assert everyday_scenarios() == opened + closed

    def kinds(scenarios):
        return Counter((len(s.candidates), len(s.choices)) for s in scenarios)

    assert (kinds(opened) - kinds(closed)).total() <= 3
    for texts in (
        [s.id for s in opened + closed],
        [s.question for s in opened + closed],
        [text for s in opened + closed for text in s.candidates if len(text) > 12],
    ):
        assert max(Counter(texts).values()) == 1


@pytest.mark.parametrize("half", HALVES)
def test_every_scenario_has_choices_that_differ(half):
    for scenario in everyday_scenarios(half):
        where = scenario.id
        assert 2 <= len(scenario.candidates) <= 5, where
        assert 2 <= len(scenario.choices) <= 4, where
        assert len(set(scenario.candidates)) == len(scenario.candidates), where
        assert all(text.strip() == text and text for text in scenario.candidates), where
        assert len({choice.name for choice in scenario.choices}) == len(scenario.choices), where
        assert len({str(choice.target) for choice in scenario.choices}) == len(scenario.choices)
        assert len({choice.right for choice in scenario.choices}) > 1, where


@pytest.mark.parametrize("half", HALVES)
def test_every_target_names_built_in_attributes_and_a_candidate(half):
    for scenario, choice in choices_of(half):
        assert choice.name.strip()
        assert choice.target
        assert choice.target.keys() <= ATTRIBUTES, scenario.id
        assert all(0 <= value <= 1 for value in choice.target.values()), scenario.id
        assert 0 <= choice.right < len(scenario.candidates), scenario.id


@pytest.mark.parametrize("half", HALVES)
def test_neither_length_nor_position_gives_the_right_choice(half):
    lengths = [
        (len(s.candidates[c.right]), [len(text) for text in s.candidates])
        for s, c in choices_of(half)
    ]
    assert sum(right == max(all_) for right, all_ in lengths) / len(lengths) <= 0.4
    assert sum(right == min(all_) for right, all_ in lengths) / len(lengths) <= 0.4
    positions = Counter(choice.right for _, choice in choices_of(half))
    assert max(positions.values()) / positions.total() <= 0.4


def test_some_scenarios_are_in_other_languages():
    first_words = ("Wie", "Wann", "Quanto", "Combien", "Quelle")
    for half in HALVES:
        others = [
            s.id
            for s in everyday_scenarios(half)
            if not s.question.isascii() or s.question.split()[0] in first_words
        ]
        assert len(others) >= 4
