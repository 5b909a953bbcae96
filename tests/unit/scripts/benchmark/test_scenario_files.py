"""Scenario files, samples, and ALIGN's records."""

import json

import pytest

from app.domain.bank import LabelledScenario
from app.domain.bank_files.reading import read_bank_file
from scripts.benchmark.__main__ import main
from scripts.benchmark.records.align import to_align
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.results import Results, Run, ScenarioResult, TargetSet
from scripts.benchmark.records.scenario_files import (
    UnusableData,
    labelled_attributes,
    levels_of,
    read_scenarios,
    sampled,
)
from scripts.scorer_options import read_attributes


def scenario(name, *labels):
    return LabelledScenario(name, f"q {name}", tuple(f"r{i}" for i in range(len(labels))), labels)


def from_align(records):
    return read_bank_file(json.dumps(records).encode()).scenarios


MANY = [scenario(f"s{i}", {"care": 0}, {"care": 1}) for i in range(40)]


def test_samples_are_reproducible_and_part_of_larger_ones():
    small = [s.id for s in sampled(MANY, 5, seed=0)]
    assert small == [s.id for s in sampled(MANY[::-1], 5, seed=0)]
    assert [s.id for s in sampled(MANY, 12, seed=0)][:5] == small
    assert [s.id for s in sampled(MANY, 5, seed=1)] != small
    assert len(sampled(MANY, None, seed=0)) == 40


def test_candidates_are_in_a_seeded_order_independent_of_the_file():
    """Or ties, which go to the first listed, would be decided by whoever wrote the file."""
    found = sampled(MANY, None, seed=0)
    firsts = [s.labels[0]["care"] for s in found]
    assert 8 < sum(firsts) < 32
    for one in found:
        assert sorted(zip(one.responses, (x["care"] for x in one.labels), strict=True)) == [
            ("r0", 0),
            ("r1", 1),
        ]
    assert [s.labels for s in sampled(MANY, None, seed=0)] == [s.labels for s in found]
    assert [s.labels for s in sampled(MANY, None, seed=1)] != [s.labels for s in found]


def test_scenarios_are_evaluated_on_attributes_that_label_every_response():
    partly = scenario("p", {"care": 0, "wit": 1}, {"wit": 0})
    assert labelled_attributes(partly) == ["wit"]
    assert levels_of([partly, MANY[0]]) == {"wit": (0.0, 1.0), "care": (0.0, 1.0)}


def test_many_different_labels_are_a_continuum_without_levels():
    fine = [scenario(f"f{i}", {"care": i / 20}, {"care": 1}) for i in range(20)]
    assert levels_of(fine) == {"care": ()}


def test_files_are_read_with_their_digest_and_refused_by_line(tmp_path):
    path = tmp_path / "a.jsonl"
    line = {"id": "x", "question": "q", "responses": ["a", "b"], "labels": [{"c": 0}, {"c": 1}]}
    path.write_text(json.dumps(line) + "\n")
    scenarios, (file,) = read_scenarios([path])
    assert [s.id for s in scenarios] == ["x"]
    assert (file.name, file.scenarios, len(file.sha256)) == ("a.jsonl", 1, 64)
    with pytest.raises(UnusableData, match="'x' occurs more than once"):
        read_scenarios([path, path])
    path.write_text(json.dumps(line) + "\nnonsense\n")
    with pytest.raises(UnusableData, match="line 2"):
        read_scenarios([path])


def test_more_candidates_than_a_request_takes_are_refused_before_the_run(tmp_path):
    path = tmp_path / "a.jsonl"
    texts = [str(number) for number in range(27)]
    line = {"id": "x", "question": "q", "responses": texts, "labels": [{"c": 0}] * 27}
    path.write_text(json.dumps(line))
    with pytest.raises(UnusableData, match="'x' has 27 responses"):
        read_scenarios([path])


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ([{"c": 0}, {"c": 3}], "not within"),
        ([{"c": 0}], "1 entries for 2"),
        ([{"c": 0}, {"c": "x"}], 'record 1: labels.1..c is "x"'),
        ([{"c": 0}, [0.5]], "record 1: Expected `object . null`"),
        ([{"c": 0}, {"c": float("nan")}], "record 1: labels.1..c is NaN"),
    ],
)
def test_records_of_align_are_checked_like_lines(tmp_path, labels, why):
    path = tmp_path / "input_output.json"
    record = {"prompt": "q", "responses": ["a", "b"], "labels": labels}
    path.write_text(json.dumps([{"input": record}]))
    with pytest.raises(UnusableData, match=why):
        read_scenarios([path])


ALIGN_SYSTEM = {
    "input": {
        "scenario_id": "July-AF",
        "alignment_target_id": "affiliation-1.0",
        "full_state": {"unstructured": "Two patients.", "meta_info": {"scene_id": "Probe 1"}},
        "state": "Two patients.",
        "choices": [
            {"action_id": "a", "unstructured": "Treat A", "kdma_association": {"medical": 0.9}},
            {"action_id": "b", "unstructured": "Treat B", "kdma_association": {"medical": 0}},
        ],
    },
    "label": [{"medical": 0.9}, {"medical": 0}],
    "choice_info": {},
    "output": {"choice": 1, "action": {}},
}
STEERABLE = {
    "input": {"prompt": "Why?", "responses": ["x", "y"], "labels": [{"care": 1}, {"care": 0}]},
    "output": {"selected_response_index": 0, "choice_info": {}},
}


def test_records_of_both_generations_are_read_once_a_scenario():
    again = json.loads(json.dumps(ALIGN_SYSTEM))
    again["input"]["alignment_target_id"] = "affiliation-0.0"
    found = from_align([ALIGN_SYSTEM, again, STEERABLE])
    assert [s.id for s in found] == ["July-AF/Probe 1", "2"]
    assert found[0].responses == ("Treat A", "Treat B")
    assert found[0].labels == ({"medical": 0.9}, {"medical": 0.0})
    assert found[1].question == "Why?"


def align_record(number, *associations, label=None):
    choices = [
        {"action_id": str(i), "unstructured": f"Treat {i}", "kdma_association": one}
        for i, one in enumerate(associations)
    ]
    given = {"scenario_id": f"s{number}", "state": f"Patient {number}.", "choices": choices}
    return {"input": given, "label": label} if label is not None else {"input": given}


def test_choices_without_an_attribute_have_no_labels():
    """ALIGN writes null or {} for them, and its labels are then empty as well."""
    found = from_align(
        [
            align_record(0, {"medical": 0.9}, None),
            align_record(1, {"medical": 0.9}, {"medical": 0}, label=[{}, {}]),
            align_record(2, None, None, label=[{"medical": 1}, None]),
        ]
    )
    assert [s.labels for s in found] == [
        ({"medical": 0.9}, {}),
        ({"medical": 0.9}, {"medical": 0.0}),
        ({"medical": 1.0}, {}),
    ]


def test_records_that_cannot_be_evaluated_are_left_out_and_counted(tmp_path, capsys):
    path = tmp_path / "input_output.json"
    records = [
        align_record(0, None, None),
        align_record(1, {"medical": 1}, {"medical": 0}),
        align_record(2, {"medical": 1}, {}),
        align_record(3, {"medical": 1}, {"merit": 0}),
    ]
    path.write_text(json.dumps(records))
    scenarios, (file,) = read_scenarios([path])
    assert [s.id for s in scenarios] == ["s1"]
    assert (file.scenarios, file.unlabelled) == (1, 3)
    given = ["run", "--scenarios", str(path), "--method", "oracle", "--targets", "high"]
    assert main([*given, "--out", str(tmp_path / "r")]) == 0
    errors = capsys.readouterr().err
    assert "note: input_output.json: 3 of 4 scenarios are left out" in errors
    assert read_results(tmp_path / "r").run.data == (file,)


def test_files_without_usable_scenarios_are_refused(tmp_path):
    path = tmp_path / "input_output.json"
    path.write_text(json.dumps([align_record(0, None, None), align_record(1, {}, {})]))
    with pytest.raises(UnusableData, match="none of its 2 scenarios has an attribute"):
        read_scenarios([path])


def test_different_scenarios_under_one_id_are_kept_apart():
    other = json.loads(json.dumps(ALIGN_SYSTEM))
    other["input"]["state"] = "Three patients."
    assert [s.id for s in from_align([ALIGN_SYSTEM, other])] == [
        "July-AF/Probe 1",
        "July-AF/Probe 1#1",
    ]


def test_other_json_than_records_is_refused(tmp_path):
    path = tmp_path / "input_output.json"
    path.write_text('[{"input": {}}]')
    with pytest.raises(UnusableData, match=r"record 1: .* `state` - at `input`"):
        read_scenarios([path])


def test_selections_become_records_that_read_back_to_the_same_scenarios():
    (given,) = from_align([ALIGN_SYSTEM])
    run = Run(
        method="oracle",
        settings={},
        attributes={"medical": ()},
        target_sets=(TargetSet("mine", "sampled", ({"medical": 0.0}, {"medical": 1.0})),),
        data=(),
        sample=None,
        sample_seed=0,
        scenarios=(given.id,),
        command="",
        versions={},
        started="",
    )
    result = ScenarioResult(
        given.id, given.labels, scores={"medical": (0.8, 0.1)}, selected={"mine": "B-"}
    )
    (record,) = to_align(Results(run, (result,)), {given.id: given}, "mine")
    assert record["output"]["choice"] == 1
    assert record["alignment_target"] == {"medical": 0.0}
    assert record["choice_info"]["predictions"] == [{"medical": 0.8}, {"medical": 0.1}]
    (again,) = from_align([record])
    assert (again.question, again.responses, again.labels) == (
        given.question,
        given.responses,
        given.labels,
    )


def test_the_papers_files_are_read_as_they_are(tmp_path):
    path = tmp_path / "eval.json"
    path.write_text(json.dumps([STEERABLE["input"], STEERABLE["input"] | {"prompt": "How?"}]))
    scenarios, (file,) = read_scenarios([path])
    assert [(s.id, s.question) for s in scenarios] == [("0", "Why?"), ("1", "How?")]
    assert (file.scenarios, file.unlabelled) == (2, 0)
    definitions = tmp_path / "attribute_descriptions.json"
    definitions.write_text(json.dumps({"care": "Care means kindness.", "wit": "Funny."}))
    assert read_attributes(definitions)["wit"].definition == "Funny."
    given = ["run", "--scenarios", str(path), "--method", "oracle", "--targets", "high"]
    assert main([*given, "--attributes", str(definitions), "--out", str(tmp_path / "r")]) == 0


def test_partly_labelled_records_are_used_when_asked(tmp_path, capsys):
    path = tmp_path / "input_output.json"
    special = align_record(0, {"medical": 1}, {"medical": None}, None, {"medical": 0})
    path.write_text(json.dumps([special]))
    with pytest.raises(UnusableData, match="--unlabelled drop"):
        read_scenarios([path])
    given = ["run", "--scenarios", str(path), "--method", "oracle", "--targets", "high"]
    for choice, count in (("drop", 2), ("fill", 4)):
        out = tmp_path / choice
        assert main([*given, "--unlabelled", choice, "--out", str(out)]) == 0
        results = read_results(out)
        assert len(results.scenarios[0].labels) == count
        assert f"--unlabelled {choice}" in results.run.command
        assert "note: input_output.json: responses without labels are" in capsys.readouterr().err
        more = ["--scenarios", str(path), "--targets", "high", "--out", str(tmp_path / "a.json")]
        assert main(["align", str(out), *more]) == 0
    # A run is not resumed with labels that were read in another way.
    assert main([*given, "--unlabelled", "fill", "--out", str(tmp_path / "drop")]) == 1
    assert "other" in capsys.readouterr().err


def test_other_scales_are_mapped_when_given(tmp_path, capsys):
    path = tmp_path / "rated.jsonl"
    line = {"id": "x", "question": "q", "responses": ["a", "b"], "labels": [{"c": 10}, {"c": 5}]}
    path.write_text(json.dumps(line))
    with pytest.raises(UnusableData, match=r"line 1: .* as in scale=1..5"):
        read_scenarios([path])
    given = ["run", "--scenarios", str(path), "--method", "oracle", "--targets", "high"]
    assert main([*given, "--scale", "0..10", "--out", str(tmp_path / "r")]) == 0
    assert "labels of 0..10 are mapped to 0..1" in capsys.readouterr().err
    assert sorted(one["c"] for one in read_results(tmp_path / "r").scenarios[0].labels) == [0.5, 1]
    with pytest.raises(SystemExit):
        main([*given, "--scale", "10", "--out", str(tmp_path / "r")])


def test_score_examples_of_align_are_part_of_definitions(tmp_path):
    path = tmp_path / "attributes.json"
    path.write_text(
        json.dumps([{"name": "care", "definition": "Kind.", "score_examples": "A hug is 100."}])
    )
    assert read_attributes(path)["care"].definition == "Kind.\nA hug is 100."
    path.write_text("{}")
    with pytest.raises(UnusableData, match="no attribute definitions"):
        read_attributes(path)
