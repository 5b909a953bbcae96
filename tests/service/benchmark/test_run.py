"""The benchmark over HTTP, from scenarios to selections."""

import json

import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.frontier.runs import frontiers_of
from scripts.benchmark.records.reading import read_all, read_results
from tests.service.benchmark.runs import NAMES, evaluate, write_scenarios


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("comparative", ["--zero-shot", "--order-check", "2"]),
        ("comparative", ["--samples", "2"]),
        ("comparative", ["--joint", "--order-check", "2"]),
        ("regression", []),
        ("unaligned", ["--order-check", "2"]),
        ("prompt_aligned", []),
    ],
)
def test_every_method_answers_every_target_of_every_scenario(azimuth, tmp_path, method, more):
    path = write_scenarios(tmp_path / "data.jsonl", 4)
    targets = ["high", "low", "sample:1"]
    assert (
        evaluate(azimuth, path, tmp_path / "r", "--method", method, "--targets", *targets, *more)
        == 0
    )
    results = read_results(tmp_path / "r")
    assert results.complete
    for scenario in results.scenarios:
        assert {name: len(letters) for name, letters in scenario.selected.items()} == {
            "high": 1, "low": 1, "sample-1": 5,
        }  # fmt: skip
        assert set("".join(scenario.selected.values())) <= {"A", "B"}
        assert scenario.usage.prompt_tokens > 0
    run = results.run
    assert run.scorer["method"] == method
    assert run.scorer["fingerprint"]
    assert run.data[0].sha256
    assert f"--method {method}" in run.command
    checked = [s for s in results.scenarios if s.reversed]
    assert len(checked) == (2 if "--order-check" in more else 0)
    for scenario in checked:
        assert scenario.forward.keys() == scenario.reversed.keys() == scenario.selected.keys()
        assert set(scenario.position_bias) == (set(scenario.scores) or {"(choice)"})


def test_the_selections_are_those_of_the_scores(azimuth, tmp_path):
    path = write_scenarios(tmp_path / "data.jsonl", 6)
    evaluate(azimuth, path, tmp_path / "r", "--method", "comparative", "--targets", "high", "all")
    for scenario in read_results(tmp_path / "r").scenarios:
        distance = [sum((1 - scenario.scores[name][i]) ** 2 for name in NAMES) for i in range(2)]
        nearest = "A" if distance[0] <= distance[1] else "B"
        assert scenario.selected["high"] == nearest
        assert scenario.selected["all"][-1] == nearest


def test_the_frontier_is_measured_mode_by_mode_raw_and_calibrated(azimuth, tmp_path, capsys):
    names = ("helpfulness", "verbosity")
    (data := tmp_path / "jokes").mkdir()
    path = write_scenarios(data / "eval.jsonl", 6, names)
    train = write_scenarios(data / "train.jsonl", 24, names)
    out = tmp_path / "frontier"
    few = ("few-shot, fixed", "few-shot, item first, fixed", "few-shot, joint")
    command = ["frontier", "--url", azimuth.url, "--scenarios", str(path), "--train", str(train)]
    command += ["--targets", "high", "all", "--out", str(out), "--mode", "features only"]
    for mode in few:
        command += ["--mode", f"{mode}=5:20"]
    assert main(command) == 0
    (frontier,) = frontiers_of(read_all(folder for folder in out.iterdir() if folder.is_dir()))
    runs = {(one.mode, one.kind): one.results for one in frontier.measured}
    assert set(runs) == {("features only", "raw")} | {
        (mode, kind) for mode in few for kind in ("raw", "calibrated")
    }
    for mode in few:
        raw, calibrated = runs[mode, "raw"], runs[mode, "calibrated"]
        assert raw.run.scorer["fingerprint"] == calibrated.run.scorer["fingerprint"]
        assert all(one.cached for one in calibrated.scenarios)
        assert len(raw.answered) == len(calibrated.answered) == 5
        assert (raw.run.title, calibrated.run.title) == (mode, f"{mode}, calibrated")
    assert len({runs[mode, "raw"].run.scorer["fingerprint"] for mode in few}) == 3
    table = (out / "frontier.md").read_text("utf-8")
    assert table in capsys.readouterr().out + "\n"
    assert len(list(out.glob("frontier-1-jokes-*.svg"))) == 2
    with azimuth.client() as client:
        found = client.get("/v1/calibrations/frontier-jokes-few-shot-joint").json()
    assert {one["attribute"] for one in found["fitted"]["reports"]} == set(
        names
    )  # of the set's five


def test_candidates_with_one_text_have_one_order(azimuth, tmp_path):
    path = write_scenarios(tmp_path / "data.jsonl", 3)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["responses"] = ["the same", "the same"]
    path.write_text("\n".join(map(json.dumps, lines)))
    for method in ("comparative", "unaligned"):
        given = ["--method", method, "--targets", "high", "--order-check", "3", "--samples", "3"]
        assert evaluate(azimuth, path, tmp_path / method, *given) == 0
        first = next(s for s in read_results(tmp_path / method).scenarios if s.id == "s0")
        assert first.forward == first.reversed == {"high": "A"}
