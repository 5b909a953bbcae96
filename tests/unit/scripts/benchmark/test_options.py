"""Options of the benchmark: what they change, and those without effect are reported."""

import argparse
import json
import shlex

import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.commands import run
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.running.options import without_effect


def parsed(*given):
    parser = argparse.ArgumentParser()
    run.add_options(parser)
    return run.options_of(parser.parse_args(["--scenarios", "data.jsonl", "--out", "r", *given]))


def idle(*given):
    """Names of the options without effect."""
    return {name for name, _ in without_effect(parsed(*given))}


@pytest.mark.parametrize(
    "method", ["unaligned", "prompt_aligned", "reward_model", "random", "oracle", "features"]
)
def test_methods_without_scores_have_no_calibration_and_no_probabilities(method):
    options = ["--method", method, "--calibration", "c", "--probabilities"]
    assert idle(*options) == {"calibration", "probabilities"}
    assert not parsed(*options).is_calibrated


def test_a_run_names_its_calibration(capsys):
    with pytest.raises(SystemExit):
        parsed("--method", "comparative", "--calibration", "auto")
    assert "--calibration: name a calibration" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["comparative", "regression", "kaleido"])
def test_scores_can_be_calibrated_and_have_probabilities(method):
    options = ["--method", method, "--calibration", "c", "--probabilities"]
    assert idle(*options) == set()
    assert parsed(*options).is_calibrated


@pytest.mark.parametrize(
    ("method", "idle_options"),
    [
        ("comparative", {"order-check"}),  # calibrated scores are one for both orders
        ("regression", {"order-check"}),  # shows one response at a time
        ("unaligned", {"calibration"}),  # compares all the same, so its order is checked
        ("prompt_aligned", {"calibration"}),
        ("oracle", {"calibration", "order-check"}),
    ],
)
def test_an_order_check_has_no_effect_where_order_changes_nothing(method, idle_options):
    options = ["--method", method, "--calibration", "c", "--order-check", "5"]
    assert idle(*options) == idle_options
    assert len(without_effect(parsed(*options))) == len(idle_options)  # each for one reason


def test_only_built_in_sets_are_known_without_the_service():
    assert idle("--method", "oracle", "--attribute-set", "mine") == {"attribute-set"}
    assert idle("--method", "oracle", "--attribute-set", "moral-foundations") == set()
    assert idle("--method", "comparative", "--attribute-set", "mine") == set()


@pytest.mark.parametrize(
    "given",
    [
        ["--method", "comparative", "--no-reasoning", "--zero-shot", "--orders", "2"],
        ["--method", "regression", "--bank", "b", "--bank-file", "b.jsonl", "--bank-chars", "9"],
        ["--method", "comparative", "--calibration", "c", "--probabilities", "--sample", "5"],
        ["--method", "comparative", "--attributes", "a.json", "--joint", "--temperature", "0.5"],
        ["--method", "features", "--targets", "all", "--label", "a name", "--concurrency", "2"],
        ["--method", "comparative", "--prompt-order", "item_first", "--retrieval", "fixed"],
        ["--method", "unaligned", "--url", "http://host:1", "--order-check", "3", "--seed", "4"],
    ],
)
def test_the_recorded_command_means_the_same_options(given):
    options = parsed(*given)
    python, _, module, command, *words = shlex.split(options.command())
    assert (python, module, command) == ("python", "scripts.benchmark", "run")
    parser = argparse.ArgumentParser()
    run.add_options(parser)
    assert run.options_of(parser.parse_args(words)) == options


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
    common = ["--scenarios", str(path), "--targets", "all", "--out", str(out)]
    assert main(["run", *common, *given]) == 0
    return read_results(out).run.target_sets[0].levels


@pytest.mark.parametrize("method", ["random", "oracle"])
def test_targets_have_the_declared_levels_even_if_the_data_lacks_some(tmp_path, method):
    """So the methods of the evaluator itself take the same targets as those of the service."""
    path = write_scenarios(tmp_path, "helpfulness", "wit")
    assert levels_of_run(tmp_path, path, "--method", method) == {
        "helpfulness": (0.0, 0.25, 0.5, 0.75, 1.0),
        "wit": (0.0, 1.0),  # in no built-in set of that name: as in the data
    }


def test_levels_of_a_definition_file_take_precedence_over_a_set(tmp_path):
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
