"""Scenario files: validation, digest and label coverage."""

import json

import pytest

from app.domain.bank import (
    InvalidLines,
    label_coverage,
    parse_bank,
    serialize_bank,
)

GOOD = {
    "id": "s1",
    "question": "Why?",
    "responses": ["Because.", "It depends."],
    "labels": [{"depth": 0.25}, {"depth": 1}],
    "reasonings": [{"depth": "It gives no reason."}, {"depth": "It thinks further."}],
}


def lines(*scenarios) -> bytes:
    return "\n".join(json.dumps(s) for s in scenarios).encode()


def test_a_bank_is_unchanged_by_writing_and_reading():
    bank = parse_bank(lines(GOOD, GOOD | {"id": "s2"}))
    assert parse_bank(serialize_bank(bank)) == bank


def test_the_digest_does_not_depend_on_the_order_of_lines():
    other = GOOD | {"id": "s2"}
    assert parse_bank(lines(GOOD, other)) == parse_bank(lines(other, GOOD))
    assert parse_bank(lines(GOOD)).digest != parse_bank(lines(other)).digest


def test_empty_lines_are_allowed():
    text = b"\n" + lines(GOOD, GOOD | {"id": "s2"}) + b"\n\n"
    assert len(parse_bank(text).scenarios) == 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (GOOD | {"id": " "}, "id is empty"),
        (GOOD | {"question": ""}, "question is empty"),
        (GOOD | {"responses": []}, "responses is empty"),
        (GOOD | {"responses": ["x", ""]}, "responses[1] is empty"),
        (GOOD | {"labels": [{"depth": 1}]}, "labels has 1 entries for 2 responses"),
        (
            GOOD | {"labels": [{"depth": 4}, {}]},
            "labels[0].depth is 4, not within [0, 1]",
        ),
        (GOOD | {"labels": []}, "neither labels nor ratings"),
        (GOOD | {"reasonings": [{}]}, "reasonings has 1 entries"),
        (GOOD | {"responses": "one"}, "Expected `array`"),
        (
            GOOD | {"ratings": [{"group": "g", "rater": "r", "response": 7, "rating": 3}]},
            "ratings[0].response is 7, but the scenario has only",
        ),
    ],
)
def test_an_invalid_line_is_reported_with_its_number_and_reason(line, reason):
    with pytest.raises(InvalidLines) as caught:
        parse_bank(lines(GOOD | {"id": "s0"}, line))
    assert caught.value.errors[0].line == 2
    assert reason in caught.value.errors[0].detail


def test_invalid_utf8_is_reported_even_in_unknown_members():
    line = lines(GOOD).rstrip()
    for member in (b'"caf\xe9": 1', b'"note": "\xff"'):
        with pytest.raises(InvalidLines, match="line 1: not UTF-8"):
            parse_bank(line.replace(b"{", b"{" + member + b", ", 1))


def test_all_invalid_lines_are_reported_together():
    with pytest.raises(InvalidLines) as caught:
        parse_bank(b"{}\n" + lines(GOOD, GOOD) + b"\nnot json\n\xff\xfe\n")
    assert [e.line for e in caught.value.errors] == [1, 3, 4, 5]
    assert "also on line 2" in caught.value.errors[1].detail


@pytest.mark.parametrize("text", [b"", b"\n \n"])
def test_an_empty_bank_is_rejected(text):
    with pytest.raises(InvalidLines, match="empty"):
        parse_bank(text)


def test_coverage_counts_labels_by_level():
    coverage = label_coverage(parse_bank(lines(GOOD, GOOD | {"id": "s2"})).scenarios)
    assert coverage["depth"].levels == {"0.25": 2, "1": 2}
    assert coverage["depth"].labels == 4


def test_coverage_of_continuous_labels_is_a_range():
    many = [GOOD | {"id": str(i), "labels": [{"d": i / 100}, {"d": 1}]} for i in range(40)]
    coverage = label_coverage(parse_bank(lines(*many)).scenarios)
    assert coverage["d"].levels is None
    assert (coverage["d"].low, coverage["d"].high) == (0, 1)
