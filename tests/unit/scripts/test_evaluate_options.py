"""Options of the benchmark: what they change, and that what they do not change is told."""

import json
from pathlib import Path

import pytest

from scripts.benchmark import bench, evaluate
from scripts.benchmark.evaluate import calibrated, main, without_effect
from scripts.benchmark.frontier.runs import MODES
from scripts.benchmark.pages.plots.frontier import FREE
from scripts.benchmark.records.reading import read_results


def parsed(*given):
    needed = ["--scenarios", "data.jsonl", "--out", "r"]
    return evaluate._run_parser().parse_args([*needed, *given])


def idle(*given):
    """Options that are told to change nothing."""
    return {name for name, _ in without_effect(parsed(*given))}


@pytest.mark.parametrize(
    "method", ["unaligned", "prompt_aligned", "reward_model", "random", "oracle", "features"]
)
def test_without_scores_of_the_service_nothing_is_calibrated_and_no_probability_known(method):
    options = ["--method", method, "--calibration", "c", "--probabilities"]
    assert idle(*options) == {"calibration", "probabilities"}
    assert not calibrated(parsed(*options))


def test_results_are_of_one_calibration_by_name(capsys):
    with pytest.raises(SystemExit):
        parsed("--method", "comparative", "--calibration", "auto")
    assert "--calibration: name one" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["comparative", "regression", "kaleido"])
def test_scores_can_be_calibrated_and_have_probabilities(method):
    options = ["--method", method, "--calibration", "c", "--probabilities"]
    assert idle(*options) == set()
    assert calibrated(parsed(*options))


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("comparative", {"order-check"}),  # calibrated scores are one for both orders
        ("regression", {"order-check"}),  # shows one response at a time
        ("unaligned", {"calibration"}),  # compares all the same, so its order is checked
        ("prompt_aligned", {"calibration"}),
        ("oracle", {"calibration", "order-check"}),
    ],
)
def test_an_order_check_is_idle_where_order_can_change_nothing(method, told):
    options = ["--method", method, "--calibration", "c", "--order-check", "5"]
    assert idle(*options) == told
    assert len(without_effect(parsed(*options))) == len(told)  # each for one reason


def test_a_set_that_only_the_service_knows_is_told_to_be_unknown_without_it():
    assert idle("--method", "oracle", "--attribute-set", "mine") == {"attribute-set"}
    assert idle("--method", "oracle", "--attribute-set", "moral-foundations") == set()
    assert idle("--method", "comparative", "--attribute-set", "mine") == set()


# Levels


def write_scenarios(folder, *names):
    """Labels 0 and 1 only, as many a small file has."""
    path = folder / "data.jsonl"
    lines = [
        {
            "id": f"s{number}",
            "question": "q",
            "responses": ["a", "b"],
            "labels": [dict.fromkeys(names, number % 2), dict.fromkeys(names, 1)],
        }
        for number in range(4)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def levels_of_run(tmp_path, path, *given):
    out = tmp_path / "r"
    assert main(["--scenarios", str(path), "--targets", "all", "--out", str(out), *given]) == 0
    return read_results(out).run.target_sets[0].levels


@pytest.mark.parametrize("method", ["random", "oracle"])
def test_targets_are_those_of_the_declared_levels_whatever_the_data_shows(tmp_path, method):
    """So the methods of the evaluator itself take the same targets as those of the service."""
    path = write_scenarios(tmp_path, "helpfulness", "wit")
    assert levels_of_run(tmp_path, path, "--method", method) == {
        "helpfulness": (0.0, 0.25, 0.5, 0.75, 1.0),
        "wit": (0.0, 1.0),  # in no built-in set of that name: as in the data
    }


def test_levels_of_a_file_of_definitions_count_before_those_of_a_set(tmp_path):
    path = write_scenarios(tmp_path, "helpfulness", "wit")
    definitions = tmp_path / "attributes.json"
    declared = [
        {"name": "helpfulness", "definition": "Helps."},
        {"name": "wit", "definition": "Funny.", "levels": [0, 0.5, 1]},
    ]
    definitions.write_text(json.dumps(declared))
    given = ["--method", "oracle", "--attributes", str(definitions)]
    assert levels_of_run(tmp_path, path, *given) == {
        "helpfulness": (0.0, 1.0),
        "wit": (0.0, 0.5, 1.0),
    }


@pytest.mark.parametrize("mode", [FREE, "labels"])
def test_all_modes_of_the_frontier_have_the_same_attributes(tmp_path, monkeypatch, mode):
    asked = []
    monkeypatch.setattr(bench.evaluate, "main", lambda given: asked.append(given) or 0)
    monkeypatch.setattr(bench.calibrate, "main", lambda given: asked.append(given) or 0)
    monkeypatch.setattr(bench, "_draw", lambda *_: 0)
    path = write_scenarios(tmp_path, "helpfulness", "wit")
    given = ["--scenarios", str(path), "--train", "t.jsonl", "--out", str(tmp_path)]
    more = ["--mode", mode, "--attribute-set", "mine", "--attributes", "a.json"]
    assert bench.main(["frontier", *given, *more]) == 0
    assert len(asked) == (1 if mode == FREE else 3)
    assert mode in {one.name for one in MODES}
    if mode != FREE:
        fitted = asked[1]
        assert fitted[fitted.index("--only") + 1 :][:2] == ["helpfulness", "wit"]
    for one in asked:
        assert one[one.index("--attribute-set") + 1] == "mine"
        assert one[one.index("--attributes") + 1] == "a.json"


def test_what_could_not_be_calibrated_is_not_evaluated_as_if_it_were(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(bench.evaluate, "main", lambda given: asked.append(given) or 0)
    monkeypatch.setattr(bench.calibrate, "main", lambda given: 1)
    monkeypatch.setattr(bench, "_draw", lambda *_: 0)
    path = write_scenarios(tmp_path, "helpfulness")
    given = ["--scenarios", str(path), "--train", str(path), "--out", str(tmp_path)]
    assert bench.main(["frontier", *given, "--mode", "labels"]) == 1
    assert [Path(one[one.index("--out") + 1]).name for one in asked] == ["labels-raw"]


def test_only_what_every_response_is_labelled_on_is_asked_for(tmp_path, monkeypatch, capsys):
    """As by the evaluator itself. Scenarios that differ in that have no joint scorer in common."""
    asked = []
    monkeypatch.setattr(bench.evaluate, "main", lambda given: asked.append(given) or 0)
    monkeypatch.setattr(bench.calibrate, "main", lambda given: asked.append(given) or 0)
    monkeypatch.setattr(bench, "_draw", lambda *_: 0)
    labels = [[{"wit": 1, "care": 0}, {"wit": 0}], [{"wit": 1, "warmth": 0}] * 2]
    lines = [
        {"id": str(n), "question": f"{n}?", "responses": ["a", "b"], "labels": both}
        for n, both in enumerate(labels)
    ]
    path = tmp_path / "eval.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    given = ["--scenarios", str(path), "--train", str(path), "--out", str(tmp_path)]
    modes = ["--mode", "few-shot", "--mode", "few-shot, joint"]
    assert bench.main(["frontier", *given, *modes]) == 0
    told = [Path(one[one.index("--out") + 1]).name for one in asked if "--out" in one]
    assert told == ["few-shot-raw", "few-shot-cal", "few-shot-joint-raw"]
    (fitted,) = [one for one in asked if "--only" in one]
    assert fitted[fitted.index("--only") + 1 :][:2] == ["wit", "warmth"]
    assert "few-shot, joint stays raw" in capsys.readouterr().err
