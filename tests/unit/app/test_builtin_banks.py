"""The built-in banks: their size, and labels that neither length nor place gives away."""

import math
import re
from collections import Counter
from functools import cache

import pytest

from app.domain.bank import LabelledScenario, parse_bank
from app.domain.scenario import AttributeSet
from app.domain.texts import words_of
from app.store.attribute_sets import builtin_attribute_sets
from app.store.banks import builtin_banks
from scripts.everyday.scenarios import everyday_scenarios

NAMES = ("helpsteer2", "medical-triage", "moral-foundations", "style")
"""Of the banks of the built-in sets, which examples are retrieved from."""
EVERYDAY = "everyday"
"""A bank to fit calibrations on: labels without reasons."""
TOLD_BY_LENGTH = {"verbosity": 1.0, "complexity": 0.75}
"""The correlation with length that an attribute may have; 0.1 where none is named."""
ENGLISH = re.compile(
    r"\b(the|is|my|to|you|i|how|what|why|of|in|can|should|are|and|give|name|say|it|was)\b", re.I
)


@cache
def built_in(name: str) -> tuple[AttributeSet, tuple[LabelledScenario, ...]]:
    attribute_set = builtin_attribute_sets()["helpsteer2" if name == EVERYDAY else name]
    return attribute_set, builtin_banks()[name].bank.scenarios


def correlation(pairs: list[tuple[float, float]]) -> float:
    xs, ys = zip(*pairs, strict=True)
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - mx) * (y - my) for x, y in pairs)
    return covariance / math.sqrt(sum((x - mx) ** 2 for x in xs) * sum((y - my) ** 2 for y in ys))


def rows(name: str, attribute: str) -> list[list[tuple[int, float]]]:
    """For each scenario: length and label of the responses that have a label."""
    return [
        [
            (len(text), labels[attribute])
            for text, labels in zip(scenario.responses, scenario.labels, strict=True)
            if attribute in labels
        ]
        for scenario in built_in(name)[1]
    ]


def every_attribute() -> list[tuple[str, str]]:
    return [(name, a.name) for name in (*NAMES, EVERYDAY) for a in built_in(name)[0].attributes]


def test_every_built_in_set_names_a_built_in_bank_but_that_for_groups():
    sets = builtin_attribute_sets()
    assert set(NAMES) == set(builtin_banks()) - {EVERYDAY} == set(sets) - {"appropriateness"}
    assert all(sets[name].bank == name for name in NAMES)
    assert sets["appropriateness"].bank is None  # requests name a bank with the group's ratings


@pytest.mark.parametrize("name", NAMES)
def test_there_are_150_scenarios_of_two_to_four_responses_and_none_is_repeated(name):
    _, scenarios = built_in(name)
    assert len(scenarios) >= 150
    assert {len(s.responses) for s in scenarios} <= {2, 3, 4}
    texts = Counter(s.question for s in scenarios)
    texts.update(text for s in scenarios for text in s.responses if len(text) > 30)
    assert [text for text, times in texts.items() if times > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_label_is_a_level_of_the_set_and_has_its_own_reason(name):
    attribute_set, scenarios = built_in(name)
    levels = {attribute.name: set(attribute.levels or ()) for attribute in attribute_set.attributes}
    reasons: Counter[str] = Counter()
    for scenario in scenarios:
        assert scenario.reasonings is not None
        for labels, reasonings in zip(scenario.labels, scenario.reasonings, strict=True):
            assert labels.keys() == reasonings.keys(), scenario.id
            assert len(labels) >= 2, scenario.id
            assert all(labels[a] in levels[a] for a in labels), scenario.id
            assert all(4 < len(text.strip()) <= 240 for text in reasonings.values()), scenario.id
            reasons.update(reasonings.values())
    assert reasons.most_common(1)[0][1] <= 0.02 * reasons.total()


@pytest.mark.parametrize(("name", "attribute"), every_attribute())
def test_all_levels_occur_and_the_highest_is_not_rare(name, attribute):
    (levels,) = [a.levels for a in built_in(name)[0].attributes if a.name == attribute]
    shown = Counter(label for row in rows(name, attribute) for _, label in row)
    assert set(shown) == set(levels or ())
    assert shown.total() >= 100
    assert min(shown[0], shown[1]) >= 8


@pytest.mark.parametrize(("name", "attribute"), every_attribute())
def test_the_length_of_a_response_does_not_give_its_label_away(name, attribute):
    found = [(math.log(length), label) for row in rows(name, attribute) for length, label in row]
    assert abs(correlation(found)) < TOLD_BY_LENGTH.get(attribute, 0.1)
    assert abs(correlation([(math.exp(x), y) for x, y in found])) < TOLD_BY_LENGTH.get(
        attribute, 0.1
    )


@pytest.mark.parametrize(("name", "attribute"), every_attribute())
def test_nor_does_it_among_the_responses_to_one_question(name, attribute):
    differences = [
        (sign * math.log(later[0] / earlier[0]), sign * (later[1] - earlier[1]))
        for row in rows(name, attribute)
        for i, later in enumerate(row)
        for earlier in row[:i]
        for sign in (1, -1)
    ]
    assert abs(correlation(differences)) < max(0.15, TOLD_BY_LENGTH.get(attribute, 0))


@pytest.mark.parametrize(("name", "attribute"), every_attribute())
def test_the_place_of_a_response_does_not_give_its_label_away(name, attribute):
    later_is_higher = [
        later > earlier
        for row in rows(name, attribute)
        for i, (_, later) in enumerate(row)
        for _, earlier in row[:i]
        if later != earlier
    ]
    assert 0.4 < sum(later_is_higher) / len(later_is_higher) < 0.6


@pytest.mark.parametrize("name", NAMES)
def test_some_scenarios_are_in_other_languages_and_scripts(name):
    questions = [scenario.question for scenario in built_in(name)[1]]
    others = [q for q in questions if not ENGLISH.search(q)]
    assert 0.1 < len(others) / len(questions) < 0.25
    for script in ("\u4e00-\u9fff", "\u3040-\u30ff", "\u0600-\u06ff", "\u0900-\u097f"):
        assert any(re.search(f"[{script}]", q) for q in others), script


def test_everyday_answers_are_labelled_on_all_attributes_at_their_levels():
    attribute_set, scenarios = built_in(EVERYDAY)
    assert len(scenarios) >= 500
    assert {len(s.responses) for s in scenarios} <= {2, 3, 4, 5}
    levels = {attribute.name: set(attribute.levels or ()) for attribute in attribute_set.attributes}
    for scenario in scenarios:
        for labels in scenario.labels:
            assert labels.keys() == levels.keys(), scenario.id
            assert all(label in levels[name] for name, label in labels.items()), scenario.id
    texts = Counter(s.question for s in scenarios)
    texts.update(text for s in scenarios for text in s.responses if len(text) > 30)
    assert [text for text, times in texts.items() if times > 1] == []


def test_no_scenario_of_the_everyday_bank_is_asked_where_its_worth_is_measured():
    """A calibration that is fitted on the bank is measured with `python -m scripts.everyday`."""
    known = [words(s.question) for s in built_in(EVERYDAY)[1]]
    for asked in everyday_scenarios():
        nearest = max(
            len(words(asked.question) & of) / len(words(asked.question) | of) for of in known
        )
        assert nearest < 0.6, asked.id


def words(text: str) -> frozenset[str]:
    return frozenset(words_of(text.lower()))


def test_the_triage_set_has_the_attributes_of_the_benchmark_data(shared_data):
    known = {attribute.name for attribute in built_in("medical-triage")[0].attributes}
    bank = parse_bank((shared_data / "triage" / "train.jsonl").read_bytes())
    assert known == {name for s in bank.scenarios for labels in s.labels for name in labels}
