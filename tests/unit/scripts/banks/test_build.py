"""The command that writes a bank."""

import gzip
import json
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scripts.banks import build
from scripts.banks.helpsteer2 import (
    HELPSTEER2_ATTRIBUTES,
)
from scripts.banks.scenarios import (
    jsonl,
)
from tests.unit.scripts.banks.corpora import csv_text, mic_row, rated_row


def write_helpsteer2(path: Path, prompts: int = 60) -> Path:
    rng = random.Random(0)
    rows = [
        rated_row(prompt=f"prompt {p}", response=f"response {r}")
        | {a.name: rng.randrange(5) for a in HELPSTEER2_ATTRIBUTES}
        for p in range(prompts)
        for r in range(2)
    ]
    path.write_text(jsonl(rows), encoding="utf-8")
    return path


def write_mic(path: Path, questions: int = 80) -> Path:
    rng = random.Random(0)
    rows = [
        mic_row(Q=f"question {q}", A=f"answer {a}", A_agrees=rng.choice("012"))
        for q in range(questions)
        for a in range(2)
        for _ in range(3)
    ]
    path.write_text(csv_text(rows), encoding="utf-8-sig", newline="")
    return path


def scenarios_in(path: Path) -> list[dict[str, list[dict[str, object]]]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def helpsteer2_command(out: Path, source: Path, *more: str) -> list[str]:
    options = ["--eval-per-label", "2", "--train-per-label", "2", *more]
    return ["helpsteer2", "--out", str(out), "--input", str(source), *options]


FILES = ["attributes.json", "eval.jsonl", "report.json", "train.jsonl"]


def test_helpsteer2_command_writes_a_bank(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "bank"
    source = write_helpsteer2(tmp_path / "export.jsonl")
    assert build.main(helpsteer2_command(out, source)) == 0
    assert sorted(path.name for path in out.iterdir()) == FILES
    train, evaluation = scenarios_in(out / "train.jsonl"), scenarios_in(out / "eval.jsonl")
    assert (len(train), len(evaluation)) == (30, 30)
    names = {a.name for a in HELPSTEER2_ATTRIBUTES}
    for scenario in train + evaluation:
        assert set(scenario) == {"id", "question", "responses", "labels", "reasonings"}
        assert len(scenario["responses"]) == len(scenario["labels"]) == 2
        assert [set(labels) for labels in scenario["labels"]] == [names] * 2
        assert [set(reasonings) for reasonings in scenario["reasonings"]] == [names] * 2
    attributes = json.loads((out / "attributes.json").read_text(encoding="utf-8"))
    assert [set(a) for a in attributes] == [{"name", "definition", "levels"}] * 5
    printed = capsys.readouterr().out
    assert "120 rows of export.jsonl, 60 scenarios" in printed
    assert len(printed.splitlines()) < 24


def test_mic_command_writes_a_bank_and_reports(tmp_path: Path) -> None:
    source = write_mic(tmp_path / "MIC.csv")
    assert build.main(["mic", "--csv", str(source), "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["source"]["corpus"] == "mic"
    assert report["source"]["origin"] == "MIC.csv"
    assert len(report["source"]["sha256"]) == 64
    assert report["seed"] == 0
    assert report["wanted"] == {
        "eval_per_label": 8,
        "train_per_label": 8,
        "eval": 336,
        "train": 336,
    }
    assert report["counts"] == {"rows": 480, "scenarios": 80, "eval": 40, "train": 40}
    # Every annotation is about care, so that the other morals only ever have label 0.5.
    short = {(s["attribute"], s["level"]) for s in report["shortfalls"]}
    assert ("loyalty", 1.0) in short
    assert ("loyalty", 0.5) not in short
    assert len(report["coverage"]) == 42


def test_the_same_input_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        source = write_helpsteer2(folder / "export.jsonl")
        assert build.main(helpsteer2_command(folder / "out", source, "--seed", "4")) == 0
    for name in FILES:
        one, two = ((folder / "out" / name).read_bytes() for folder in folders)
        assert one == two


def test_helpsteer2_is_read_as_it_is_published_packed_by_gzip(tmp_path: Path) -> None:
    source = write_helpsteer2(tmp_path / "train.jsonl")
    packed = tmp_path / "train.jsonl.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    for path, out in ((source, "plain"), (packed, "packed")):
        assert build.main(helpsteer2_command(tmp_path / out, path)) == 0
    plain, unpacked = ((tmp_path / o / "train.jsonl").read_bytes() for o in ("plain", "packed"))
    assert plain == unpacked


def test_a_failed_write_keeps_the_old_bank_and_leaves_no_drafts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_helpsteer2(tmp_path / "export.jsonl")
    out = tmp_path / "bank"
    assert build.main(helpsteer2_command(out, source)) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_bytes = Path.write_bytes

    def disk_full(path: Path, content: bytes) -> int:
        if "report" in path.name:
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    assert build.main(helpsteer2_command(out, source, "--seed", "1")) == 2
    assert "No space left" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def failure(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What the command says on stderr when it refuses."""
    assert build.main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_bad_input_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "bank")
    bad = tmp_path / "bad"
    bad.write_text(csv_text([mic_row(A_agrees="maybe")]), encoding="utf-8")
    error = failure(capsys, "mic", "--csv", str(bad), "--out", out)
    assert "line 2, column 'A_agrees': 'maybe'" in error
    assert "--skip-unreadable" in error
    bad.write_bytes(b"Q,A\n\n\xff\n")
    assert "line 3: not UTF-8" in failure(capsys, "mic", "--csv", str(bad), "--out", out)
    bad.write_bytes(gzip.compress(b"{}")[:-4])
    assert f"{bad}: not complete gzip" in failure(
        capsys, "helpsteer2", "--input", str(bad), "--out", out
    )
    bad.write_text("\n{}\n", encoding="utf-8")
    error = failure(capsys, "helpsteer2", "--input", str(bad), "--out", out)
    assert f"{bad}: line 2, column 'helpfulness': missing" in error
    bad.write_text(jsonl([rated_row()]), encoding="utf-8")
    error = failure(capsys, "helpsteer2", "--input", str(bad), "--out", out)
    assert "no scenario (1 prompts with fewer than two different responses)" in error
    missing = str(tmp_path / "missing")
    assert missing in failure(capsys, "mic", "--csv", missing, "--out", out)
    assert not Path(out).exists()


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_quotas_are_whole_numbers_above_zero(tmp_path: Path, number: str) -> None:
    argv = helpsteer2_command(tmp_path, tmp_path / "export.jsonl", "--eval-per-label", number)
    with pytest.raises(SystemExit) as stop:
        build.main(argv)
    assert stop.value.code == 2


def test_without_the_datasets_library_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "pip install datasets" in failure(capsys, "helpsteer2", "--out", str(tmp_path))


class FakeDatasets(ModuleType):
    """Stands in for the datasets library."""

    def __init__(self, splits: dict[str, list[dict[str, object]]] | Exception) -> None:
        super().__init__("datasets")
        self.splits = splits
        self.asked: list[tuple[str, str | None]] = []

    def load_dataset(self, name: str, cache_dir: str | None) -> dict[str, list[dict[str, object]]]:
        self.asked.append((name, cache_dir))
        if isinstance(self.splits, Exception):
            raise self.splits
        return self.splits


def test_the_whole_dataset_is_read_and_cached_in_the_given_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = {
        split: [rated_row(prompt=split, response=response) for response in "ab"]
        for split in ("train", "validation")
    }
    fake = FakeDatasets(splits)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    argv = ["helpsteer2", "--out", str(tmp_path), "--cache", "somewhere"]
    assert build.main(argv) == 0
    assert fake.asked == [("nvidia/HelpSteer2", "somewhere")]
    parts = [scenarios_in(tmp_path / name) for name in ("eval.jsonl", "train.jsonl")]
    assert sorted(str(s["question"]) for part in parts for s in part) == ["train", "validation"]


def test_a_failed_download_is_an_error_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", FakeDatasets(RuntimeError("no route")))
    error = failure(capsys, "helpsteer2", "--out", str(tmp_path))
    assert "cannot load nvidia/HelpSteer2: no route" in error
