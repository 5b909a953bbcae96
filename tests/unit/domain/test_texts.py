"""When a text is blank, and when two texts say the same."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.texts import as_read, is_blank, nfc, text_key


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t\n\u00a0",
        "\u200b",  # zero-width space
        "\ufeff",  # byte order mark
        "\u3164\u115f\u1160\uffa0",  # Hangul fillers
        "\u2800",  # empty Braille cell
        "\u00ad\u2060\u200d\ufe0f",  # soft hyphen, joiners, variation selector
        "\x00\x1b\x7f\x85",
        "\U000e0041\U000e007f",  # tags
        "\u202e \u2066",  # directions
    ],
)
def test_a_text_with_nothing_to_see_is_blank(text):
    assert is_blank(text)
    assert not is_blank(text + "." + text)


@pytest.mark.parametrize(
    "text", ["0", "\u0301", "\u4e00", "\u0640", "\U0001f9d1", "\ue000", "\ufffd"]
)
def test_a_text_with_something_to_see_is_not_blank(text):
    assert not is_blank(text)


@given(st.text())
def test_text_is_composed_as_unicode_says(text):
    assert nfc(text) == unicodedata.normalize("NFC", text)


@given(st.text(alphabet="a\u00e9\u0301\r\n \u2028\u200b"))
def test_what_is_read_is_read_the_same_again(text):
    assert as_read(as_read(text)) == as_read(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0300\u0327" * 400_000,
        "a" + "\u0f73" * 400_000,
        "e\u0301" * 400_000,
        ("a" + "\u0300\u0327" * 15) * 30_000,
        "\u200b" * 2_000_000,
        "\r" * 2_000_000 + "e\u0301",
        " " * 2_000_000 + "e\u0301",
    ],
)
def test_the_time_is_linear_for_texts_that_are_made_to_be_slow(text):
    started = time.process_time()
    as_read(text)
    is_blank(text)
    text_key(text)
    assert time.process_time() - started < 10  # sorting so many marks takes ten minutes
