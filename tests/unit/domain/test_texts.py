"""When two texts say the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.texts import text_key


@pytest.mark.parametrize(
    "other",
    [
        "How do I boil an Égg?\r\n",
        " how do i  boil an ÉGG? ",
        unicodedata.normalize("NFD", "How do I boil an Égg?"),
        "How do I boil\u00a0an Égg?\u2028",
    ],
)
def test_white_space_letter_case_and_unicode_form_make_no_difference(other):
    assert text_key(other) == text_key("How do I boil an Égg?")


def test_other_words_and_other_accents_make_a_difference():
    assert len({text_key(t) for t in ("an egg", "an éGG", "an egg?", "a negg")}) == 4


@given(st.text())
def test_a_key_is_its_own_key(text):
    assert text_key(text_key(text)) == text_key(text)
