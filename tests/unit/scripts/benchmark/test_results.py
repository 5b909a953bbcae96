"""The published runs, and RESULTS.md, whose tables they give."""

import gzip
import re
from pathlib import Path

import msgspec
import pytest

from scripts.benchmark.commands.results import PAGE, PICTURES
from scripts.benchmark.pages.results import TABLES, Published, with_tables
from scripts.benchmark.records.published import PUBLISHED, PublishedRun, publish, read_published
from scripts.benchmark.records.reading import read_all, runs_in
from scripts.benchmark.records.results import ScenarioResult


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
    assert sum(path.stat().st_size for path in PUBLISHED.iterdir()) < 1_000_000


def test_published_runs_hold_ids_and_numbers_and_no_texts():
    for path in runs_in([PUBLISHED]):
        content = gzip.decompress(path.read_bytes())
        run = msgspec.json.decode(content, type=PublishedRun, strict=True)
        for one in msgspec.json.decode(content)["scenarios"]:
            assert set(one) <= set(ScenarioResult.__struct_fields__)
        labels = [value for s in run.scenarios for one in s.labels for value in one.values()]
        assert all(isinstance(value, float | int) for value in labels)


def test_publishing_a_published_run_changes_nothing(published, tmp_path: Path):
    name = "helpsteer2-smollm2-135m-6-comparative-few-calibrated"  # it has exceptions
    path = tmp_path / "run.json.gz"
    path.write_bytes(publish(published[name]))
    assert read_published(path) == published[name]
    kept = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=PublishedRun)
    assert kept.exceptions
    assert not any(one.selected for one in kept.scenarios)
