"""The short table of runs."""

from pathlib import Path

import msgspec
import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.pages.tables import table
from scripts.benchmark.records.reading import RUN_FILE, SCENARIOS_FILE, read_all
from scripts.benchmark.records.results import Run, ScenarioResult, TargetSet


def write_run(folder: Path, selected: str, **changes) -> Path:
    run = Run(
        method="comparative",
        settings={"examples": 5},
        attributes={"help": (0.0, 1.0)},
        target_sets=(
            TargetSet("high", "high", ({"help": 1.0},)),
            TargetSet("all", "all", levels={"help": (0.0, 1.0)}),
        ),
        data=(),
        sample=None,
        sample_seed=0,
        scenarios=("a", "b"),
        command="",
        versions={},
        started="",
        dataset="helpsteer2",
        scorer={"model": "small"},
    )
    folder.mkdir()
    run = msgspec.structs.replace(run, **changes)
    (folder / RUN_FILE).write_bytes(msgspec.json.encode(run))
    lines = [
        ScenarioResult(
            name,
            labels=({"help": 1.0}, {"help": 0.0}),
            selected={"high": letter, "all": {"A": "BA", "B": "AB"}[letter]},
        )
        for name, letter in zip(run.scenarios, selected, strict=True)
    ]
    encoded = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (folder / SCENARIOS_FILE).write_bytes(encoded)
    return folder


def test_rows_are_runs_and_columns_are_target_sets_and_the_paper(tmp_path, capsys):
    right = write_run(tmp_path / "right", "AA")
    half = write_run(tmp_path / "half", "AB", settings={"examples": 0})
    assert main(["table", str(right), str(half)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "| helpsteer2, small | scenarios | high (1) | all (2) | the paper, 3B |",
        "| --- | --- | --- | --- | --- |",
        "| comparative, few-shot | 2 | 100.0 [100, 100] | 100.0 [100, 100] | all 55.2 |",
        "| comparative, zero-shot | 2 | 50.0 [0, 100] | 50.0 [0, 100] | all 54.4 |",
    ]


@pytest.mark.parametrize(
    ("settings", "title"),
    [({"reasoning": False}, "without reasoning"), ({"joint": True}, "joint")],
)
def test_the_paper_always_reasoned_about_one_attribute_at_a_time(tmp_path, settings, title):
    found = table(
        read_all([write_run(tmp_path / "one", "AA", settings={"examples": 5} | settings)])
    )
    assert "the paper" not in found
    assert f"comparative, few-shot, {title} |" in found


def test_datasets_and_models_have_their_own_tables(tmp_path):
    one = write_run(tmp_path / "one", "AA")
    two = write_run(tmp_path / "two", "AA", dataset="triage")
    three = write_run(tmp_path / "three", "AA", scorer={"model": "large"})
    heads = [part.splitlines()[0] for part in table(read_all([one, two, three])).split("\n\n")]
    assert [head.split(" | ")[0] for head in heads] == [
        "| helpsteer2, small",
        "| triage, small",
        "| helpsteer2, large",
    ]


def test_runs_without_a_model_count_with_the_scenarios_that_the_model_was_asked_about(tmp_path):
    """On the easy two of four scenarios features are as right as the model, not half as right."""
    free = {"method": "features", "scorer": {}, "scenarios": tuple("abcd")}
    folders = [
        write_run(tmp_path / "free", "AABB", **free),
        write_run(tmp_path / "judge", "AA"),
        write_run(tmp_path / "other", "AABA", scorer={"model": "large"}, scenarios=tuple("abcd")),
    ]
    small, large = (part.splitlines()[2:] for part in table(read_all(folders)).split("\n\n"))
    assert small[0].startswith("| features | 2 | 100.0 [100, 100] |")
    assert small[1].startswith("| comparative, few-shot | 2 | 100.0 [100, 100] |")
    assert large[0].startswith("| features | 4 | 50.0 ")
    assert "| features | 4 | 50.0 " in table(read_all(folders[:1]))  # alone it counts with all


def test_missing_target_sets_are_empty_cells(tmp_path):
    one = write_run(tmp_path / "one", "AA")
    few = (TargetSet("high", "high", ({"help": 1.0},)),)
    two = write_run(tmp_path / "two", "AA", method="unaligned", target_sets=few)
    assert (
        table(read_all([one, two])).splitlines()[-1] == "| unaligned | 2 | 100.0 [100, 100] |  |  |"
    )
