"""Bank files of any content: each is read, or refused with a place and a reason."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.domain.bank import InvalidLines, bank_of, parse_bank, serialize_bank
from app.domain.bank_files.labels import UNLABELLED, Scale
from app.domain.bank_files.reading import Options, read_bank_file
from app.domain.bank_repeats import repeats_in

TEXTS = st.sampled_from(["a", "b", "", " ", "\u00e9\u2028", "x" * 200, "\ud800"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.just(10**400) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["care", "wit", "Moral judgement"])
PLAIN = st.sampled_from(["a", "b", "B ", "c d"])
LABELS = st.dictionaries(NAMES, st.sampled_from([0, 0.5, 1]), max_size=2)
MAYBE = LABELS | st.none() | st.dictionaries(NAMES, st.none() | st.just(1))
TWO = {"min_size": 2, "max_size": 2}


@st.composite
def record(draw, members):
    """An object with these members; in one of four, one of them is missing or anything."""
    made = draw(st.fixed_dictionaries(members))
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from(sorted(made)))
        if draw(st.booleans()):
            del made[name]
        else:
            made[name] = draw(VALUES)
    return made


def texts_and(labels):
    return {"responses": st.lists(PLAIN, **TWO), "labels": st.lists(labels, **TWO)}


IDS = st.uuids().map(str)
LINES = record({"id": IDS, "question": PLAIN, "ratings": st.none(), **texts_and(LABELS)})
PAPER = record({"id": IDS, "prompt": PLAIN, "reasonings": st.none(), **texts_and(MAYBE)})
CHOICES = st.lists(record({"unstructured": PLAIN, "kdma_association": MAYBE}), **TWO)
SCENES = st.fixed_dictionaries({"meta_info": st.none() | st.just({"scene_id": "p"})})
INPUTS = record({"scenario_id": PLAIN, "state": PLAIN, "choices": CHOICES, "full_state": SCENES})
ALIGN = record({"input": INPUTS | PAPER, "label": st.lists(MAYBE, **TWO)})
RECORDS = st.lists(LINES | PAPER | ALIGN, max_size=3) | st.lists(VALUES, max_size=2)
OPTIONS = st.builds(Options, st.sampled_from([Scale(), Scale(1, 5)]), st.sampled_from(UNLABELLED))


def holds(content: bytes, options: Options) -> None:
    try:
        file = read_bank_file(content, options)
    except InvalidLines as refused:
        faults = refused.errors
    else:
        faults = ()
    assert all(one.line > 0 and one.detail for one in faults)
    if faults:
        return
    repeats_in(file.scenarios)
    assert all(0 <= label <= 1 for s in file.scenarios for x in s.labels for label in x.values())
    if file.scenarios:
        bank = bank_of(file.scenarios)
        assert parse_bank(serialize_bank(bank)) == bank


@given(RECORDS, OPTIONS, st.booleans())
def test_records_of_any_members_are_read_or_refused_by_number(given_records, options, as_array):
    text = json.dumps(given_records)
    if not as_array:
        text = "\n".join(map(json.dumps, given_records))
    holds(text.encode(), options)


@given(st.binary() | st.text('[]{}":,\\u0 aN1\n\r\0').map(str.encode), OPTIONS)
def test_bytes_of_any_kind_are_read_or_refused(content, options):
    holds(content, options)
