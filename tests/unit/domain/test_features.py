"""Surface features of any text."""

import math
import re
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from app.domain import features
from app.domain.features import NAMES, VERSION, surface_features, surface_of
from app.domain.scenario import Scenario
from app.domain.texts import words_of

MANY = "First, boil water.\n\n- Add salt\n- Add **pasta**\n\nReady in 9 minutes!"


def features_of(question, response):
    return dict(zip(NAMES, surface_features(question, response), strict=True))


def test_counts_enter_as_logarithms():
    found = features_of("How do I boil pasta?", MANY)
    assert found["list items"] == math.log1p(2)
    assert found["paragraphs"] == math.log1p(2)
    assert found["exclamation marks"] == math.log1p(1)
    assert found["digits"] == math.log1p(1)
    assert found["bold markers"] == math.log1p(2)
    assert found["ends like a sentence"] == 1


def test_overlap_with_the_question_is_a_share():
    found = features_of("boil water", "Boil it!")
    assert found["question words in the response"] == 0.5
    assert found["response words in the question"] == 0.5


def test_repeated_words_lower_lexical_variety():
    assert features_of("q", "so so so so")["lexical variety"] == 0.25


@given(question=st.text(), response=st.text())
def test_any_text_has_finite_features(question, response):
    values = surface_features(question, response)
    assert len(values) == len(NAMES)
    assert all(math.isfinite(value) for value in values)


@given(st.text() | st.text("aΣ.!? \n-'1*`ぁกั。/", max_size=60))
def test_pieces_of_a_text_count_as_the_whole(response):
    whole = surface_features("a b", response)
    with patch.object(features, "_PIECE", 3):
        assert surface_features("a b", response) == whole


def test_a_picture_in_base64_is_counted_in_small_pieces():
    picture = "iVBORw0KGgo+AAAANSUhEUgAA/" * 40_000
    assert max(map(len, features._pieces(picture))) <= features._PIECE + 100
    assert "".join(features._pieces(picture)) == picture


def test_a_scenario_has_features_for_each_candidate():
    surface = surface_of(Scenario("q", ("a", "b c")))
    assert surface.version == VERSION
    assert surface.values == (surface_features("q", "a"), surface_features("q", "b c"))


def test_words_are_counted_in_scripts_without_spaces():
    """Otherwise a Chinese clause would count as a single word."""
    found = features_of("怎么煮鸡蛋？", "先把水烧开。再煮鸡蛋十分钟。")
    assert found["words"] == math.log1p(12)
    assert found["sentences"] == math.log1p(2)
    assert found["characters per word"] == 1
    assert found["lexical variety"] == 1
    assert found["question words in the response"] == 3 / 5
    assert features_of("q", "ゆでたまごのつくりかた")["words"] == math.log1p(4)
    assert features_of("q", "ต้มไข่ในน้ำเดือด")["words"] == math.log1p(4)
    mixed = features_of("q", "用 boiling water 煮 10 分钟")
    assert mixed["words"] == math.log1p(7)


@given(st.text(st.characters(max_codepoint=0x0DFF)))
def test_words_of_scripts_with_spaces_are_runs_of_letters_and_digits(text):
    assert words_of(text) == re.findall(r"\w+", text)
