"""The commands of `python -m scripts.benchmark` that read results, as they are typed."""

import json
import random

import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.scenario_files import read_scenarios


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    draw = random.Random(0)
    lines = [
        {
            "id": f"s{number}",
            "question": f"question {number}?",
            "responses": [f"one answer to {number}", f"another answer to {number}"],
            "labels": [{"wit": draw.randrange(3) / 2, "care": draw.randrange(3) / 2} for _ in "ab"],
        }
        for number in range(40)
    ]
    path = tmp_path_factory.mktemp("data") / "data.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """Folders of a run that is always right, and of one that guesses."""
    folder = tmp_path_factory.mktemp("runs")
    attributes = folder / "attributes.json"
    levels = [0, 0.5, 1]
    declared = [{"name": n, "definition": n, "levels": levels} for n in ("wit", "care")]
    attributes.write_text(json.dumps({"attributes": declared}))
    for method in ("oracle", "random"):
        given = ["run", "--scenarios", str(data), "--method", method, "--targets", "high", "low"]
        given += ["--attributes", str(attributes), "--out", str(folder / method)]
        assert main(given) == 0
    return folder / "oracle", folder / "random"


def test_compare_reports_the_gain_of_the_second_run(runs, capsys):
    right, guess = map(str, runs)
    capsys.readouterr()
    assert main(["compare", guess, right, "--targets", "low"]) == 0
    said = capsys.readouterr().out
    assert said.index("A: random") < said.index("B: oracle")
    rows = [line for line in said.splitlines() if line.startswith("| low")]
    assert len(rows) == 1
    assert "| high" not in said
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert float(cells[3]) < float(cells[4]) == 100.0
    assert cells[5].startswith("+")


def test_report_writes_a_page_a_table_and_plots(runs, tmp_path, capsys):
    out = tmp_path / "report"
    assert main(["report", *map(str, runs), "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    page = (out / "report.html").read_text("utf-8")
    assert "oracle" in page
    assert "random" in page
    assert "| " in (out / "report.md").read_text("utf-8")
    assert any(path.suffix == ".svg" for path in (out / "plots").iterdir())


def test_align_writes_records_that_can_be_read_again(runs, data, tmp_path, capsys):
    path = tmp_path / "input_output.json"
    given = [str(runs[0]), "--scenarios", str(data), "--targets", "low", "--out", str(path)]
    assert main(["align", *given]) == 0
    records = json.loads(path.read_text("utf-8"))
    results = read_results(runs[0])
    assert len(records) == len(results.answered) == 40
    for record, result in zip(records, results.answered, strict=True):
        assert record["input"]["scenario_id"] == result.id
        assert record["output"]["choice"] == ord(result.selected["low"]) - ord("A")
    again = {scenario.id: scenario for scenario in read_scenarios([path])[0]}
    for result in results.answered:
        assert again[result.id].labels == result.labels


def test_align_names_the_target_sets_of_the_run(runs, data, tmp_path, capsys):
    given = [str(runs[0]), "--scenarios", str(data), "--targets", "all"]
    assert main(["align", *given, "--out", str(tmp_path / "f.json")]) == 1
    assert "the run has high, low, not 'all'" in capsys.readouterr().err
