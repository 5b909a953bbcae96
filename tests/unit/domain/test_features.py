"""Surface features: numbers about texts, whatever the text."""

import math

from hypothesis import given
from hypothesis import strategies as st

from app.domain.features import NAMES, VERSION, surface_features, surface_of
from app.domain.scenario import Scenario

MANY = "First, boil water.\n\n- Add salt\n- Add **pasta**\n\nReady in 9 minutes!"


def told(question, response):
    return dict(zip(NAMES, surface_features(question, response), strict=True))


def test_what_is_counted_is_there_as_a_logarithm():
    found = told("How do I boil pasta?", MANY)
    assert found["list items"] == math.log1p(2)
    assert found["paragraphs"] == math.log1p(2)
    assert found["exclamation marks"] == math.log1p(1)
    assert found["digits"] == math.log1p(1)
    assert found["bold markers"] == math.log1p(2)
    assert found["ends like a sentence"] == 1


def test_overlap_with_the_question_is_a_share():
    found = told("boil water", "Boil it!")
    assert found["question words in the response"] == 0.5
    assert found["response words in the question"] == 0.5


def test_more_of_the_same_words_is_less_variety():
    assert told("q", "so so so so")["lexical variety"] == 0.25


@given(question=st.text(), response=st.text())
def test_any_text_has_finite_features(question, response):
    values = surface_features(question, response)
    assert len(values) == len(NAMES)
    assert all(math.isfinite(value) for value in values)


def test_a_scenario_has_them_for_each_candidate():
    surface = surface_of(Scenario("q", ("a", "b c")))
    assert surface.version == VERSION
    assert surface.values == (surface_features("q", "a"), surface_features("q", "b c"))
