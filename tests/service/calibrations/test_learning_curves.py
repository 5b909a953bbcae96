"""The benchmark's learning curves: fits on samples, what they leave behind, resuming."""

import pytest

from scripts.benchmark.__main__ import main
from tests.service.calibrations.support import BANK, HELD_OUT, last_job, lines

SIZES, DRAWS = (20, len(BANK)), 2


@pytest.fixture
def command(judged, tmp_path):
    train, test = tmp_path / "train.jsonl", tmp_path / "eval.jsonl"
    train.write_text(lines(*BANK))
    test.write_text(lines(*HELD_OUT[:20]))
    return [
        "learning", "--scenarios", str(test), "--train", str(train), "--model", "fake",
        "--only", "helpfulness", "verbosity", "--targets", "high", "--draws", str(DRAWS),
        "--sizes", *map(str, SIZES), "--url", judged.url, "--out", str(tmp_path / "out"),
    ]  # fmt: skip


def test_every_size_is_measured_and_nothing_is_left_or_measured_twice(
    judged, command, tmp_path, capsys
):
    assert main(command) == 0
    printed = capsys.readouterr().out
    (header, _, few, every) = printed[printed.index("| labelled") :].strip().splitlines()
    assert header.split(" | ")[2:] == ["high", "pairs: helpfulness", "pairs: verbosity |"]
    assert few.startswith(f"| {SIZES[0]} | {DRAWS} | ")
    assert every.startswith(f"| {SIZES[1]} | 1 | ")  # all scenarios can be drawn once
    assert few.count(" → ") == every.count(" → ") == 3
    with judged.client() as client:
        names = [one["name"] for one in client.get("/v1/calibrations").json()["calibrations"]]
    assert not [name for name in names if name.startswith("learning")]
    runs = {folder.name for folder in (tmp_path / "out").iterdir() if folder.is_dir()}
    assert runs == {
        f"{method}-{size}-{draw}"
        for method in ("features", "probe")
        for size, draw in ((20, 0), (20, 1), (len(BANK), 0))
    }
    before = last_job(judged)
    assert main(command) == 0
    assert last_job(judged) == before


def test_more_scenarios_than_there_are_cannot_be_drawn(command, capsys):
    assert main([*command, "--sizes", "900"]) == 1
    assert f"there are {len(BANK)} scenarios, not 900" in capsys.readouterr().err
