"""How examples are presented: the length of reasonings."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.scorer import ScorerSettings
from workers.methods.presentation import shortened

CHINESE = "这个回答先向顾客道歉，再说明包裹为什么迟到，并主动提出马上查询，语气亲切而具体。" * 20


def cut(text: str, length: int = 240) -> str:
    return shortened(text, ScorerSettings(reasoning_chars=length))


@pytest.mark.parametrize("text", [CHINESE, "https://example.org/" + "a1b2/" * 100])
def test_text_without_spaces_keeps_its_first_characters(text):
    """It is one word to Python, and was cut to the mark alone: no reasoning at all."""
    assert cut(text) == text[:239] + "…"


def test_a_long_word_after_a_short_one_is_cut_within():
    assert cut("见：" + CHINESE) == ("见：" + CHINESE)[:239] + "…"
    assert cut("See " + "x" * 300, 40) == "See " + "x" * 35 + "…"


def test_a_reasoning_that_fits_is_whole():
    assert cut("  It apologises\n and offers help. ") == "It apologises and offers help."
    assert cut(CHINESE[:240]) == CHINESE[:240]


@given(st.lists(st.text("abcdefgh-", min_size=1, max_size=18)), st.sampled_from([20, 40, 240]))
def test_ordinary_text_is_cut_between_words(words, length):
    text = " ".join(words)
    expected = textwrap.shorten(text, length, placeholder=" …")
    assert cut(text, length) == expected
    assert len(expected) <= length
