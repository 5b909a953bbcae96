"""What a comparison of two runs says, and what it refuses to compare."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from scripts.benchmark.measures.compare import NotComparable
from scripts.benchmark.pages.comparison import compare
from scripts.benchmark.records.choices import encode_choices
from scripts.benchmark.records.reading import RUN_FILE, SCENARIOS_FILE
from scripts.benchmark.records.results import DataFile, Run, ScenarioResult, TargetSet

SETS = (
    TargetSet("high", "high", ({"kind": 1.0},)),
    TargetSet("all", "all", (), {"kind": (0.0, 0.25, 0.75, 1.0)}),
)


def results_folder(
    folder: Path,
    *,
    right: float = 0.5,
    seed: int = 0,
    ids: Sequence[int] = range(80),
    label: str = "",
    sets: Sequence[TargetSet] = SETS,
    answered: int | None = None,
    missing: int = 0,
    failed: int = 0,
    data: str = "0",
    kind: float = 1.0,
) -> Path:
    """A run in which A is the kind candidate, and a share `right` of the selections is correct."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in ids:
        selected = {}
        for target_set in sets:
            nearest = [int(t["kind"] < 0.5) for t in target_set.expand()]
            chosen = [c if rng.random() < right else 1 - c for c in nearest]
            if number < missing:
                chosen = [None] * len(chosen)
            selected[target_set.name] = encode_choices(chosen)
        labels = ({"kind": kind}, {"kind": 0.0})
        if number < failed:
            rows.append(ScenarioResult(f"s{number}", labels, problem="no such model"))
        else:
            rows.append(ScenarioResult(f"s{number}", labels, selected=selected))
    run = Run(
        "comparative", {}, {"kind": ()}, tuple(sets), (DataFile("d", data, 1),), None, 0,
        tuple(row.id for row in rows), "", {}, "", label=label,
    )  # fmt: skip
    folder.mkdir()
    (folder / RUN_FILE).write_bytes(msgspec.json.encode(run))
    lines = [msgspec.json.encode(row) + b"\n" for row in rows[:answered]]
    (folder / SCENARIOS_FILE).write_bytes(b"".join(lines))
    return folder


def rows_of(text: str) -> dict[str, list[str]]:
    """Target set -> cells of its row."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in lines[2:]}


def test_large_differences_are_real_and_small_ones_are_not_clear(tmp_path):
    a = results_folder(tmp_path / "a", right=0.5, seed=1)
    b = results_folder(tmp_path / "b", right=0.9, seed=2)
    c = results_folder(tmp_path / "c", right=0.5, seed=3)
    assert rows_of(compare(a, b))["all (4)"][-1] == "B is better: the difference is real at 95 %"
    assert rows_of(compare(b, a))["all (4)"][-1] == "B is worse: the difference is real at 95 %"
    assert rows_of(compare(a, c))["all (4)"][-1] == "no clear difference"


def test_figures_are_percent_and_points_on_the_same_pairs(tmp_path):
    a = results_folder(tmp_path / "a", right=0.0)
    b = results_folder(tmp_path / "b", right=1.0)
    row = rows_of(compare(a, b, ["high"]))["high (1)"]
    assert row[:7] == ["80", "80", "0.0", "100.0", "+100.0", "+100.0 to +100.0", "0.0 %"]


def test_only_the_requested_target_sets_are_compared(tmp_path):
    a, b = (results_folder(tmp_path / name) for name in "ab")
    assert list(rows_of(compare(a, b, None))) == ["high (1)", "all (4)"]
    assert list(rows_of(compare(a, b, ["all"]))) == ["all (4)"]


def test_scenarios_of_one_run_only_are_left_out(tmp_path):
    a = results_folder(tmp_path / "a", ids=range(60))
    b = results_folder(tmp_path / "b", ids=range(99, 19, -1), answered=75)
    text = compare(a, b)
    assert "Scenarios that both answered: 35." in text
    assert "B is incomplete: 75 of 80 scenarios so far." in text
    assert rows_of(text)["high (1)"][0] == "35"


def test_missing_selections_are_left_out_of_both_and_reported(tmp_path):
    a = results_folder(tmp_path / "a", missing=10)
    b = results_folder(tmp_path / "b")
    text = compare(a, b, ["high"])
    assert "high: 10 pairs are left out because either run has no selection." in text
    assert rows_of(text)["high (1)"][:2] == ["70", "70"]


def test_failed_scenarios_are_left_out_and_reported_with_their_run(tmp_path):
    a = results_folder(tmp_path / "a")
    b = results_folder(tmp_path / "b", failed=5)
    text = compare(a, b)
    assert "B: 5 scenarios failed." in text
    assert "A: " in text
    assert "A: 5 scenarios" not in text
    assert rows_of(text)["high (1)"][0] == "75"


def test_runs_on_different_files_are_reported(tmp_path):
    a, b = results_folder(tmp_path / "a"), results_folder(tmp_path / "b", data="1")
    assert "The runs read different data files." in compare(a, b)
    assert "different data files" not in compare(a, a)


def test_few_scenarios_are_reported(tmp_path):
    a, b = (results_folder(tmp_path / name, ids=range(8)) for name in "ab")
    assert "Fewer than 30 scenarios" in compare(a, b)
    c, d = (results_folder(tmp_path / name, ids=range(1)) for name in "cd")
    assert rows_of(compare(c, d))["high (1)"][-1] == "too few scenarios"


def test_a_name_cannot_break_the_table(tmp_path):
    a, b = (results_folder(tmp_path / name, label="a | b\n| c |") for name in "ab")
    assert list(rows_of(compare(a, b))) == ["high (1)", "all (4)"]


def test_incomparable_runs_are_refused(tmp_path):
    a = results_folder(tmp_path / "a")
    other = (TargetSet("high", "high", ({"kind": 0.75},)),)
    for name, changed, why in (
        ("b", {"ids": range(100, 110)}, "no answered scenario in common"),
        ("c", {"sets": other}, "targets of the runs are not the same"),
        ("d", {"sets": (TargetSet("mine", "sampled", ({"kind": 1.0},)),)}, "no target set"),
        ("e", {"kind": 0.75}, "labels of 80 scenarios differ"),
    ):
        with pytest.raises(NotComparable, match=why):
            compare(a, results_folder(tmp_path / name, **changed))
    with pytest.raises(NotComparable, match="target sets low"):
        compare(a, a, ["low"])
