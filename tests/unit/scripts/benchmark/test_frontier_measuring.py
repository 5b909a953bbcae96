"""Modes of the frontier: what is run, what is fitted, and what is left out."""

import json
from pathlib import Path

import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.commands import frontier
from scripts.benchmark.frontier import measuring
from scripts.benchmark.frontier.modes import MODES
from scripts.benchmark.pages.plots.frontier import FREE
from scripts.calibrate.fitting import CalibrateOptions
from scripts.calibrate.following import FitFailed


@pytest.fixture
def asked(monkeypatch):
    """Options of the runs and fits that are asked for; nothing is run."""
    options = []
    monkeypatch.setattr(measuring, "evaluate", lambda run: options.append(run) or True)
    monkeypatch.setattr(measuring, "calibrate", lambda fit: options.append(fit) or "")
    monkeypatch.setattr(frontier, "draw", lambda *_: "")
    monkeypatch.setattr(frontier, "run_folders", lambda _: [])
    return options


def write_scenarios(folder, labels):
    path = folder / "eval.jsonl"
    lines = [
        {"id": str(n), "question": f"{n}?", "responses": ["a", "b"], "labels": both}
        for n, both in enumerate(labels)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def measure(path, out, *modes, more=()):
    given = ["--scenarios", str(path), "--train", str(path), "--out", str(out), *more]
    return main(["frontier", *given, *(word for mode in modes for word in ("--mode", mode))])


@pytest.mark.parametrize("mode", [FREE, "digits"])
def test_all_modes_of_the_frontier_have_the_same_attributes(tmp_path, asked, mode):
    path = write_scenarios(tmp_path, [[{"helpfulness": 0, "wit": 1}, {"helpfulness": 1, "wit": 1}]])
    more = ["--attribute-set", "mine", "--attributes", "a.json"]
    assert measure(path, tmp_path, mode, more=more) == 0
    assert len(asked) == (1 if mode == FREE else 3)
    assert mode in {one.name for one in MODES}
    if mode != FREE:
        assert asked[1].only == ("helpfulness", "wit")
    for one in asked:
        assert one.scorer.attribute_set == "mine"
        assert one.scorer.attributes == Path("a.json")


def test_the_scale_of_labels_holds_for_runs_and_fits(tmp_path, asked):
    path = write_scenarios(tmp_path, [[{"helpfulness": 1}, {"helpfulness": 5}]])
    more = ["--scale", "1..5", "--unlabelled", "drop"]
    assert measure(path, tmp_path, "digits", more=more) == 0
    assert len(asked) == 3
    assert {(str(one.labels.scale), one.labels.unlabelled) for one in asked} == {("1..5", "drop")}


def test_a_failed_fit_leaves_no_calibrated_run(tmp_path, asked, monkeypatch, capsys):
    def fails(_):
        raise FitFailed("the bank has no labels")

    monkeypatch.setattr(measuring, "calibrate", fails)
    path = write_scenarios(tmp_path, [[{"helpfulness": 0}, {"helpfulness": 1}]])
    assert measure(path, tmp_path, "digits") == 1
    assert [one.out.name for one in asked] == ["digits-raw"]
    assert "error: the bank has no labels" in capsys.readouterr().err


def test_only_attributes_that_label_every_response_are_scored(tmp_path, asked, capsys):
    """As by a single run. Scenarios that differ in that have no joint scorer in common."""
    labels = [[{"wit": 1, "care": 0}, {"wit": 0}], [{"wit": 1, "warmth": 0}] * 2]
    path = write_scenarios(tmp_path, labels)
    assert measure(path, tmp_path, "few-shot", "few-shot, joint") == 0
    (fit,) = [one for one in asked if isinstance(one, CalibrateOptions)]
    assert fit.only == ("wit", "warmth")
    runs = [one.out.name for one in asked if one is not fit]
    assert runs == ["few-shot-raw", "few-shot-cal", "few-shot-joint-raw"]
    assert "few-shot, joint stays raw" in capsys.readouterr().err
