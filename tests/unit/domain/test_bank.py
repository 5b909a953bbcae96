"""Scenario files: what is a valid line, and what a bank covers."""

import json

import pytest

from app.domain.bank import InvalidLines, idle_members, label_coverage, parse_bank, serialize_bank
from app.store.attribute_sets import builtin_attribute_sets
from app.store.banks import builtin_banks

GOOD = {
    "id": "s1",
    "question": "Why?",
    "responses": ["Because.", "It depends."],
    "labels": [{"depth": 0.25}, {"depth": 1}],
    "reasonings": [{"depth": "It gives no reason."}, {"depth": "It thinks further."}],
}


def lines(*scenarios) -> bytes:
    return "\n".join(json.dumps(s) for s in scenarios).encode()


def test_a_bank_survives_being_written_and_read():
    bank = parse_bank(lines(GOOD, GOOD | {"id": "s2"}))
    assert parse_bank(serialize_bank(bank)) == bank


def test_the_version_is_the_content_not_the_order_of_lines():
    other = GOOD | {"id": "s2"}
    assert parse_bank(lines(GOOD, other)) == parse_bank(lines(other, GOOD))
    assert parse_bank(lines(GOOD)).digest != parse_bank(lines(other)).digest


def test_empty_lines_and_fields_of_other_tools_are_no_harm_but_told():
    text = b"\n" + lines(GOOD | {"note": "mine"}, GOOD | {"id": "s2", "note": {"a": 1}}) + b"\n\n"
    assert len(parse_bank(text).scenarios) == 2
    assert idle_members(text) == {"note": 2}


@pytest.mark.parametrize(
    ("line", "says"),
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
            "there is no response 7",
        ),
    ],
)
def test_a_bad_line_is_named_with_its_reason(line, says):
    with pytest.raises(InvalidLines) as caught:
        parse_bank(lines(GOOD | {"id": "s0"}, line))
    assert caught.value.errors[0].line == 2
    assert says in caught.value.errors[0].detail


def test_bytes_that_are_no_text_are_told_wherever_they_stand():
    line = lines(GOOD).rstrip()
    for member in (b'"caf\xe9": 1', b'"note": "\xff"'):
        with pytest.raises(InvalidLines, match="line 1: not UTF-8"):
            parse_bank(line.replace(b"{", b"{" + member + b", ", 1))


def test_all_bad_lines_are_told_at_once():
    with pytest.raises(InvalidLines) as caught:
        parse_bank(b"{}\n" + lines(GOOD, GOOD) + b"\nnot json\n\xff\xfe\n")
    assert [e.line for e in caught.value.errors] == [1, 3, 4, 5]
    assert "also on line 2" in caught.value.errors[1].detail


@pytest.mark.parametrize("text", [b"", b"\n \n"])
def test_an_empty_bank_is_refused(text):
    with pytest.raises(InvalidLines, match="empty"):
        parse_bank(text)


def test_coverage_counts_labels_by_level():
    coverage = label_coverage(parse_bank(lines(GOOD, GOOD | {"id": "s2"})).scenarios)
    assert coverage["depth"].levels == {"0.25": 2, "1": 2}
    assert coverage["depth"].labels == 4


def test_a_continuum_of_labels_is_told_as_a_range():
    many = [GOOD | {"id": str(i), "labels": [{"d": i / 100}, {"d": 1}]} for i in range(40)]
    coverage = label_coverage(parse_bank(lines(*many)).scenarios)
    assert coverage["d"].levels is None
    assert (coverage["d"].low, coverage["d"].high) == (0, 1)


@pytest.mark.parametrize("name", ["helpsteer2", "moral-foundations"])
def test_the_built_in_banks_cover_every_level_and_give_every_reason(name):
    attribute_set = builtin_attribute_sets()[name]
    assert attribute_set.bank is not None
    bank = builtin_banks()[attribute_set.bank].bank
    assert len(bank.scenarios) >= 40
    for attribute in attribute_set.attributes:
        shown = {r[attribute.name] for s in bank.scenarios for r in s.labels}
        assert shown == set(attribute.levels)
    for scenario in bank.scenarios:
        assert scenario.reasonings is not None
        for labels, reasonings in zip(scenario.labels, scenario.reasonings, strict=True):
            assert labels.keys() == reasonings.keys()
            assert all(len(text) <= 240 for text in reasonings.values())
