"""The published runs, and RESULTS.md, whose tables they give."""

import lzma
import re
from pathlib import Path

import msgspec
import pytest

from scripts.benchmark.__main__ import main
from scripts.benchmark.commands.results import PAGE, PICTURES
from scripts.benchmark.records.published import (
    PUBLISHED,
    publish,
    read_archive,
    restore,
    write_archive,
)
from scripts.benchmark.records.reading import read_all, read_results, runs_in
from scripts.benchmark.records.results import ScenarioResult
from scripts.benchmark.results.tables import TABLES, Published, with_tables


@pytest.fixture(scope="module")
def published():
    return Published(read_all(runs_in([PUBLISHED])))


def test_the_tables_of_results_md_are_those_of_the_published_runs(published):
    text = PAGE.read_text("utf-8")
    assert with_tables(text, published) == text, "run: python -m scripts.benchmark results"


def test_results_md_must_have_every_table():
    with pytest.raises(ValueError, match=r"RESULTS\.md has the tables order, not accuracy-"):
        with_tables("<!-- generated: order -->\n<!-- end -->", Published([]))
    assert len(TABLES) == 6


def test_results_md_shows_at_most_six_small_pictures():
    shown = re.findall(r"!\[.*\]\(pictures/(.*)\)", PAGE.read_text("utf-8"))
    there = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert sorted(shown) == sorted(there)
    assert len(there) <= 6
    assert max(there.values()) < 100_000


def test_published_runs_take_less_than_a_megabyte():
    assert PUBLISHED.stat().st_size < 1_000_000


def test_published_runs_hold_ids_and_numbers_and_no_texts():
    for run in msgspec.json.decode(lzma.decompress(PUBLISHED.read_bytes())).values():
        for one in run["scenarios"]:
            assert set(one) <= set(ScenarioResult.__struct_fields__)
            labels = [value for labels in one["labels"] for value in labels.values()]
            assert all(isinstance(value, float | int) for value in labels)


def test_publishing_a_published_run_changes_nothing(published, tmp_path: Path):
    name = "helpsteer2-smollm2-135m-6-comparative-few-calibrated"  # it has exceptions
    path = tmp_path / "runs.json.xz"
    kept = publish(published[name])
    write_archive(path, {name: kept})
    assert read_archive(path) == {name: kept}
    assert restore(kept) == published[name]
    assert kept.exceptions
    assert not any(one.selected for one in kept.scenarios)


def test_runs_are_published_into_an_archive_and_read_from_it(tmp_path: Path, capsys):
    path = tmp_path / "eval.jsonl"
    path.write_text(
        '{"id": "a", "question": "q", "responses": ["x", "y"], "labels": [{"c": 0}, {"c": 1}]}'
    )
    archive = tmp_path / "runs.json.xz"
    for method in ("oracle", "random"):
        given = ["--scenarios", str(path), "--method", method, "--out", str(tmp_path / method)]
        assert main(["run", *given]) == 0
        assert main(["publish", str(tmp_path / method), "--out", str(archive)]) == 0
    assert [run.name for run in runs_in([archive])] == ["oracle", "random"]
    for method in ("oracle", "random"):
        assert read_results(archive / method) == read_results(tmp_path / method)
    assert main(["compare", str(archive / "random"), str(archive / "none")]) == 1
    assert "has no run 'none'" in capsys.readouterr().err


def test_a_file_that_is_not_an_archive_is_refused(tmp_path: Path):
    path = tmp_path / "runs.json.xz"
    path.write_bytes(b"{}")
    with pytest.raises(ValueError, match="not an archive of runs"):
        read_archive(path)
