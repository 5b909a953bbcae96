"""Names: normalisation and validation."""

import pytest

from app.domain.bank import InvalidLines, parse_bank
from app.domain.names import canonical_name


@pytest.mark.parametrize(
    "name",
    [
        "INCOME_$100,000 or more",
        "Moral judgement",
        "EDUCATION_College graduate/some postgrad",
        "评审",
        "אמון",
        "भरोसा",
        "نیم\u200cفاصله",
        "👩\u200d🏫 tone",
        "x",
        "é" * 128,
    ],
)
def test_names_of_any_script_are_unchanged(name):
    assert canonical_name(name) == name


def test_names_are_normalised_before_they_are_measured():
    assert canonical_name("e\u0301" * 128) == "é" * 128


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "blank"),
        (" ", "blank"),
        ("\u200b", "blank"),
        ("\u3164", "blank"),
        ("\u2800", "blank"),
        (" x", "white space"),
        ("x\u3000", "white space"),
        ("x" * 129, "at most 128"),
        ("a\tb", "control"),
        ("a\x7fb", "control"),
        ("a\u2028b", "line breaks"),
        ("a\ud800b", "control"),
        ("a\ufffdb", "UTF-8"),
        ("..", "not allowed"),
    ],
)
def test_an_invalid_name_is_rejected_with_the_reason(name, reason):
    with pytest.raises(ValueError, match=reason):
        canonical_name(name)


def bank_with(labels: str) -> bytes:
    return f'{{"id":"s","question":"q","responses":["r"],"labels":[{labels}]}}'.encode()


def test_attribute_names_in_a_bank_are_normalised():
    composed, decomposed = bank_with('{"é": 1}'), bank_with('{"e\u0301": 1}')
    assert parse_bank(decomposed) == parse_bank(composed)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [('{" ": 1}', "blank"), ('{"é": 1, "e\u0301": 0}', "twice"), ('{"a\\nb": 1}', "control")],
)
def test_an_invalid_attribute_name_makes_a_line_invalid(labels, reason):
    with pytest.raises(InvalidLines, match=reason):
        parse_bank(bank_with(labels))
