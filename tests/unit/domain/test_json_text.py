"""Parsing of untrusted JSON."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.json_text import InvalidJson, RepeatedMember, parse_json


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"a": {"a": {"a": [{"a": 1}, {"a": 2.5}]}}},
        {'"': 1, '":': ':"', ":": ['":"', ": "]},
        {"": "", " :": " :", "\\": '\\":'},
        ["\u2028", "\U0001f600", "\x00"],
        [1e-300, 2**63, -(2**63), 12345678901234567890],
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_valid_json_is_parsed_unchanged(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=(" ,", " :"))
    assert parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ('{"a":1,"a":1}', ("a",)),
        ('{"a":1,"b":2,"b":3,"b":4}', ("b",)),
        ('[0,{"x":{"a":1,"a":2}}]', (1, "x", "a")),
        ('{"a":{"b":1,"b":2},"a":{}}', ("a",)),
        ('{"a":{},"a":{"b":1,"b":2}}', ("a",)),
        ('{"a":1,"\\u0061":2}', ("a",)),
        ('{"a"\n:1,"a"\t :":"}', ("a",)),
        ('{"a":":","a":"\\":"}', ("a",)),
        ('{"x":NaN,"a":1,"a":2}', ("a",)),
        ('{"a\\\\":1,"a\\\\":2}', ("a\\",)),
        ('{"a\\\\":1,"a\\\\":":"}', ("a\\",)),
    ],
)
def test_a_repeated_member_is_rejected_with_its_path(text, steps):
    with pytest.raises(RepeatedMember) as refusal:
        parse_json(text.encode())
    assert refusal.value.steps == steps


def test_the_path_is_written_as_in_bank_errors():
    with pytest.raises(RepeatedMember, match=r"^labels\[1\]\.warmth occurs twice$"):
        parse_json(b'{"labels":[{},{"warmth":1,"warmth":0}]}')


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "character 0"),
        (b'{"a": oops}', "character 6"),
        (b'{"a": 1} {', "Extra data at character 9"),
        (b'"\xe9"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\uD800": 1}', "lone surrogate"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_invalid_json_is_rejected_with_the_reason(text, why):
    with pytest.raises(InvalidJson, match=why):
        parse_json(text)


def test_nan_and_huge_numbers_are_left_to_validation():
    assert parse_json(b"[1e400, -1e400]") == [float("inf"), float("-inf")]
    for digits in (309, 400, 5000):
        assert parse_json(b"9" * digits) == float("inf")
    assert parse_json(b"9" * 308) == 1e308
    assert parse_json(b"-" + b"9" * 5000) == float("-inf")


@pytest.mark.parametrize(
    "text",
    [
        b'["' + b" " * 2_000_000 + b'"]',
        b"[" + b'"":"",' * 100_000,
        b"{" + b",".join(b'"%d":1' % i for i in range(200_000)) + b',"199999":1}',
        b"[" + b",".join([b"[" * 400 + b"{}" + b"]" * 400] * 500) + b',{"a":1,"a":2}]',
        b'["' + b'\\":' * 400_000 + b'"]',
    ],
)
def test_adversarial_texts_are_parsed_in_linear_time(text):
    started = time.process_time()
    with contextlib.suppress(ValueError):
        parse_json(text)
    assert time.process_time() - started < 5  # a quadratic search takes minutes


_NAMES = st.text(alphabet='a\\":\u00e9 ', max_size=3)
_VALUES = st.recursive(
    _NAMES | st.integers() | st.none(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_NAMES, inside, max_size=3),
)


@given(_VALUES, st.booleans(), st.sampled_from([(",", ":"), (" ,\n", "\t: ")]))
def test_any_value_is_read_as_it_was_written(value, ascii_only, separators):
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    assert parse_json(text.encode()) == json.loads(text)


@given(_NAMES, _VALUES, _VALUES, st.lists(st.tuples(_NAMES, _VALUES), max_size=3))
def test_any_member_that_occurs_twice_is_found(name, first, second, others):
    members = [(name, first), *others, (name, second)]
    pairs = ",".join(f"{json.dumps(n)}:{json.dumps(v)}" for n, v in members)
    with pytest.raises(RepeatedMember):
        parse_json(f"[{{{pairs}}}]".encode())
