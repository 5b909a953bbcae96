"""Bank files as people have them: forms, kinds of records, scales, responses without labels."""

import codecs
import json

import pytest

from app.domain.bank import InvalidLines, bank_of, parse_bank, serialize_bank
from app.domain.bank_files.labels import Scale
from app.domain.bank_files.reading import LeftOut, Options, read_bank_file

LINE = {
    "id": "s1",
    "question": "Why?",
    "responses": ["Because.", "It depends."],
    "labels": [{"depth": 0.25}, {"depth": 1}],
    "reasonings": [{"depth": "Short."}, {"depth": "Longer."}],
}
PAPER = {"prompt": "Why?"} | {k: v for k, v in LINE.items() if k not in ("id", "question")}


def align(name, *labels, label=None, target="high", scene=None):
    choices = [
        {"action_id": str(i), "unstructured": f"Treat {i}", "kdma_association": one}
        for i, one in enumerate(labels)
    ]
    state = {"unstructured": "x", "meta_info": {"scene_id": scene} if scene else None}
    given = {"scenario_id": name, "alignment_target_id": target, "state": f"Patient {name}."}
    record = {"input": {**given, "full_state": state, "choices": choices}, "output": {"choice": 0}}
    return record if label is None else record | {"label": label}


def lines(*records) -> bytes:
    return "\n".join(json.dumps(one) for one in records).encode()


def array(*records) -> bytes:
    return json.dumps(list(records), indent=4).encode()


def read(content, **options):
    return read_bank_file(content, Options(**options))


def errors(content, **options):
    with pytest.raises(InvalidLines) as caught:
        read(content, **options)
    return [f"{caught.value.unit} {e.line}: {e.detail}" for e in caught.value.errors]


def test_lines_and_an_array_of_them_are_the_same_bank():
    two = (LINE, LINE | {"id": "s2", "note": 1})
    assert read(lines(*two)).scenarios == read(array(*two)).scenarios
    assert read(array(*two)).ignored == {"note": 1}
    assert bank_of(read(lines(*two)).scenarios) == parse_bank(lines(*two))


@pytest.mark.parametrize("form", [lines, array])
def test_the_papers_records_are_read_as_they_are(form):
    file = read(form(PAPER, PAPER | {"prompt": "How?", "reasonings": None}))
    assert [s.id for s in file.scenarios] == ["0", "1"]
    assert file.scenarios[0].question == "Why?"
    assert file.scenarios[0].labels == ({"depth": 0.25}, {"depth": 1})
    assert file.scenarios[0].reasonings == ({"depth": "Short."}, {"depth": "Longer."})
    assert file.scenarios[1].reasonings is None
    assert file.converted == {"paper": 2}
    bank = bank_of(file.scenarios)
    assert parse_bank(serialize_bank(bank)) == bank


def test_aligns_records_are_read_once_a_scenario_and_null_is_no_label():
    file = read(
        array(
            align("a", {"medical": 0.9}, {"medical": None}, scene="Probe 1"),
            align("a", {"medical": 0.9}, {"medical": None}, scene="Probe 1", target="low"),
            align("a", {"medical": 0.1}, None, scene="Probe 1"),
            align("b", None, None, label=[{"Moral judgement": 1}, None]),
            align("c", None, {}),
        )
    )
    assert [(s.id, s.labels) for s in file.scenarios] == [
        ("a/Probe 1", ({"medical": 0.9}, {})),
        ("a/Probe 1#2", ({"medical": 0.1}, {})),
        ("b", ({"Moral judgement": 1.0}, {})),
    ]
    assert (file.converted, file.repeated) == ({"align": 5}, 1)
    assert file.left_out == [LeftOut(5, "no response has a label")]


def test_a_prompt_beside_aligns_choices_is_what_a_model_was_asked():
    record = align("a", {"medical": 1}, {"medical": 0})
    record["input"]["prompt"] = "SITUATION: …"
    assert (
        read(array(record)).scenarios
        == read(array(align("a", {"medical": 1}, {"medical": 0}))).scenarios
    )


PARTLY = (
    align("a", {"medical": 1}, None, {"medical": 0, "merit": 0}),
    align("b", {"medical": 1}, {}),
)


def test_responses_without_labels_are_dropped_only_when_asked():
    assert [len(s.responses) for s in read(array(*PARTLY)).scenarios] == [3, 2]
    file = read(array(*PARTLY), unlabelled="drop")
    assert [s.responses for s in file.scenarios] == [("Treat 0", "Treat 2")]
    assert file.dropped == 2
    assert file.left_out == [LeftOut(2, "fewer than two responses have labels")]


@pytest.mark.parametrize("unlabelled", ["drop", "fill"])
def test_scenarios_without_any_label_are_left_out_and_never_filled_in(unlabelled):
    file = read(array(align("a", {}, None), LINE | {"labels": [{}, {}]}), unlabelled=unlabelled)
    assert file.scenarios == []
    assert file.left_out == [LeftOut(n, "no response has a label") for n in (1, 2)]
    assert (file.dropped, file.filled) == (0, 0)
    assert len(read(lines(LINE | {"labels": [{}, {}]})).scenarios) == 1


def test_missing_labels_are_filled_in_only_when_asked():
    file = read(array(*PARTLY), unlabelled="fill")
    assert file.scenarios[0].labels == (
        {"medical": 1, "merit": 0.5},
        {"medical": 0.5, "merit": 0.5},
        {"medical": 0, "merit": 0},
    )
    assert (file.filled, file.dropped, file.left_out) == (4, 0, [])


def test_what_is_dropped_or_filled_in_keeps_reasonings_and_leaves_ratings_alone():
    partly = LINE | {"labels": [{}, {"depth": 1}], "responses": ["a", "b"]}
    rated = partly | {"ratings": [{"group": "g", "rater": "r", "response": 0, "rating": 3}]}
    more = partly | {
        "labels": [{"depth": 0}, {}, {"depth": 1}],
        "responses": ["a", "b", "c"],
        "reasonings": [{"depth": "x"}, {}, {"depth": "z"}],
    }
    assert read(lines(more), unlabelled="drop").scenarios[0].reasonings == (
        {"depth": "x"},
        {"depth": "z"},
    )
    for unlabelled in ("drop", "fill"):
        file = read(lines({"rating_scale": {"low": 1, "high": 5}}, rated), unlabelled=unlabelled)
        assert file.scenarios[0].labels == ({}, {"depth": 1})
        assert str(file.setup.rating_scale) == "1..5"


def test_labels_on_another_scale_are_mapped_when_the_scale_is_given():
    rated = LINE | {"labels": [{"depth": 2}, {"depth": 5}]}
    (message,) = errors(lines(rated))
    assert message == (
        "line 1: labels[0].depth is 2, not within [0, 1] (labels on another scale need that "
        "scale, as in scale=1..5)"
    )
    assert read(lines(rated), scale=Scale.parse("1..5")).scenarios[0].labels == (
        {"depth": 0.25},
        {"depth": 1},
    )
    assert "not within [-1, 4]" in errors(lines(rated), scale=Scale.parse("-1..4"))[0]
    partly = align("a", {"medical": 10}, None)
    filled = read(array(partly), scale=Scale(0, 10), unlabelled="fill").scenarios[0]
    assert filled.labels == ({"medical": 1}, {"medical": 0.5})


@pytest.mark.parametrize("text", ["5..1", "1..1", "1-5", "0..inf", "", "1..5 ", "0..1e400", "٠..٥"])
def test_other_texts_are_not_scales(text):
    with pytest.raises(ValueError, match="is not a scale"):
        Scale.parse(text)


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("N/A", 'labels[1].depth is "N/A", not a number: to give no label, leave the member out'),
        ("0.5", 'labels[1].depth is "0.5", not a number'),
        (None, "labels[1].depth is null: to give no label, leave the member out"),
        (True, "labels[1].depth is true, not a number"),
        ([1], "labels[1].depth is [1], not a number"),
        (float("nan"), "labels[1].depth is NaN, not a number"),
        (10**400, "labels[1].depth is inf, not within [0, 1]"),
    ],
)
def test_a_label_that_is_none_is_named_with_its_attribute_and_value(label, says):
    bad = {"labels": [{"depth": 0}, {"depth": label}]}
    assert errors(lines(LINE, LINE | {"id": "s2"} | bad))[0].startswith("line 2: " + says)
    if label is not None:
        assert errors(array(PAPER, PAPER | bad))[0].startswith("record 2: " + says)
        assert errors(array(align("a", *bad["labels"])))[0].startswith("record 1: " + says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (array(align("a", {"m": 1}), {"input": {"state": "x"}}), "record 2: Object missing"),
        (array({"input": 7}), "record 1: Expected `object`, got `int` - at `input`"),
        (array(7), "record 1: a record is an object, not 7"),
        (array({"query": "x"}), "record 1: the record has no id and no question and no responses"),
        (lines({"question": "x", "responses": []}), "line 1: the record has no id (known are"),
        (array(PAPER | {"labels": [[1], {}]}), "record 1: Expected `object | null`, got `array`"),
        (b'[{"id": ]', "record 1: the array is not JSON"),
        (b"[]", "record 1: the bank is empty"),
        (b" \n", "line 1: the bank is empty"),
        (array(LINE, LINE), "record 2: id 's1' is also on record 1"),
        (lines(LINE) + lines(LINE), "line 1: not JSON: Extra data"),
        (lines(LINE).decode().encode("utf-16"), "line 1: the file is UTF-16 or UTF-32: save it"),
        (lines(LINE).decode().encode("utf-16-le"), "line 1: the file is UTF-16 or UTF-32: save it"),
        (array(LINE).decode().encode("utf-16-be"), "line 1: the file is UTF-16 or UTF-32: save it"),
        (b"\x1f\x8b\x08", "line 1: the file is gzip: unpack it first"),
        (b"--abc\r\nContent-Disposition: form-data; name=x\r\n\r\n{}", "line 1: this is a form"),
        (lines(LINE).replace(b'{"depth": 1}', b'{"depth": 1, "depth": 0}'), "line 1: labels[1].de"),
        (array(LINE).replace(b'"depth": 1\n', b'"depth": 1, "depth": 0\n'), "record 1: labels[1]."),
        (b'{"id": ' + b"[" * 100_000, "line 1: not readable JSON: it is nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_number(content, says):
    assert errors(content)[0].startswith(says)


def test_a_byte_order_mark_is_taken_off():
    assert read(codecs.BOM_UTF8 + lines(LINE)).scenarios == read(lines(LINE)).scenarios
    assert read(codecs.BOM_UTF8 + array(LINE)).scenarios == read(lines(LINE)).scenarios


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\n\r\n", "\n\u00a0\n", "\n\ufeff"])
@pytest.mark.parametrize("mark", ["", "\x1a", "\n\x1a", "\n\x0c\n"])
def test_lines_end_as_any_system_ends_them(end, mark):
    two = [json.dumps(LINE), json.dumps(LINE | {"id": "s2"})]
    assert len(read((end.join(two) + mark).encode()).scenarios) == 2


def test_separators_within_strings_are_text():
    line = LINE | {"question": "a\u2028b\u0085c"}
    content = json.dumps(line, ensure_ascii=False).encode()
    assert read(content).scenarios[0].question == "a\u2028b\u0085c"


def test_all_errors_are_reported_up_to_a_limit():
    bad = LINE | {"labels": [{"depth": None}, {"depth": "N/A"}]}
    assert len(errors(lines(*[bad] * 30))) == 20
    assert [text[:8] for text in errors(lines(LINE, bad, bad))] == ["line 2: ", "line 3: "]
