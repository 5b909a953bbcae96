"""What the report says about its runs."""

import re

import msgspec
import pytest

from scripts.benchmark.records.reading import SCENARIOS_FILE
from scripts.benchmark.records.results import ScenarioResult, TargetSet
from tests.unit.scripts.benchmark.report_pages import (
    Page,
    report_on,
    results_folder,
    target_sets,
)


@pytest.mark.usefixtures("without_plots")
def test_incomplete_runs_failures_and_missing_selections_are_reported(tmp_path):
    problems = ["context-overflow: 5210 tokens", "context-overflow: 5210 tokens"]
    unscored = {"unscored": {"verbosity": "truncated"}}
    cut = results_folder(tmp_path / "cut", label="cut", answered=4)
    failed = results_folder(tmp_path / "failed", label="failed", problems=problems, **unscored)
    html, markdown = report_on(tmp_path, cut, failed)
    for text in (Page(html).text, markdown):
        assert "cut: incomplete, 4 of 6 scenarios so far." in text
        assert "failed: 2 of 6 scenarios failed" in text
        assert "context-overflow: 5210 tokens (2)" in text
        assert "failed: cells without a score or choice: 4 truncated." in text
    assert "4 of 6" in markdown


@pytest.mark.usefixtures("without_plots")
def test_pairs_without_a_selection_are_reported_with_the_accuracy(tmp_path):
    folder = results_folder(tmp_path / "run", scenarios=1)
    row = msgspec.json.decode((folder / SCENARIOS_FILE).read_bytes(), type=ScenarioResult)
    row = msgspec.structs.replace(row, selected={"all": "-" * 125})
    (folder / SCENARIOS_FILE).write_bytes(msgspec.json.encode(row) + b"\n")
    html, markdown = report_on(tmp_path, folder)
    assert "100.0 % of pairs without a selection" in Page(html).text
    assert "100.0 % of pairs without a selection" in markdown


@pytest.mark.usefixtures("without_plots")
def test_incomparable_runs_are_reported(tmp_path):
    one = results_folder(tmp_path / "one")
    other = (*target_sets()[:2], TargetSet("sampled", "sampled", ({"helpfulness": 0.0},)))
    two = results_folder(tmp_path / "two", digest="d2" * 32, scenarios=5, sets=other)
    html, _ = report_on(tmp_path, one, two)
    text = Page(html).text
    assert "The runs read different data" in text
    assert "The runs were asked different scenarios" in text
    assert "Not all runs have the same sampled targets" in text


@pytest.mark.usefixtures("without_plots")
def test_runs_are_grouped_by_data_and_model_and_those_without_a_model_join_each(tmp_path):
    folders = [
        results_folder(tmp_path / "a", model="acme/one"),
        results_folder(tmp_path / "b", model="acme/two"),
        results_folder(tmp_path / "c", model="", method="random"),
        results_folder(tmp_path / "d", model="", method="random", dataset="mic"),
    ]
    _, markdown = report_on(tmp_path, *folders)
    sections = {part.splitlines()[0]: part for part in markdown.split("\n## ")[1:]}
    assert list(sections) == ["helpsteer2, acme/one", "helpsteer2, acme/two", "mic, no model"]
    for section in sections.values():
        assert "| random |" in section


@pytest.mark.usefixtures("without_plots")
def test_runs_without_a_model_count_with_the_scenarios_that_the_model_was_asked_about(tmp_path):
    folders = [
        results_folder(tmp_path / "free", model="", method="random", scenarios=9),
        results_folder(tmp_path / "judge", scenarios=5),
    ]
    html, markdown = report_on(tmp_path, *folders)
    assert "| random | 5 |" in markdown
    assert "4 scenarios that the model was not asked about" in markdown
    assert "incomplete" not in Page(html).text
    assert "were asked different scenarios" not in markdown
    _, alone = report_on(tmp_path, folders[0])
    assert "| random | 9 |" in alone


@pytest.mark.usefixtures("without_plots")
def test_titles_name_different_numbers_of_scenarios(tmp_path):
    folders = [
        results_folder(tmp_path / "many", label="many", scenarios=9),
        results_folder(tmp_path / "few", label="few", scenarios=5),
    ]
    _, markdown = report_on(tmp_path, *folders)
    rows = [line for line in markdown.splitlines() if re.match(r"\| (many|few)", line)]
    assert len(rows) > 10
    for row in rows:
        assert row.startswith(("| many (9 scenarios) |", "| few (5 scenarios) |"))
    assert "(9 scenarios)" not in report_on(tmp_path, folders[0])[1]


@pytest.mark.usefixtures("without_plots")
def test_runs_of_one_name_are_distinguished_by_their_folders(tmp_path):
    _, markdown = report_on(
        tmp_path, results_folder(tmp_path / "first"), results_folder(tmp_path / "second")
    )
    assert "| comparative, few-shot (first) |" in markdown
    assert "| comparative, few-shot (second) |" in markdown


@pytest.mark.usefixtures("without_plots")
def test_settings_of_runs_are_shown(tmp_path):
    html, markdown = report_on(tmp_path, results_folder(tmp_path / "run"))
    for fact in ("python -m scripts.benchmark run --sample 6", "acme/judge-1b", "abc123",
                 "f00dcafe",
                 "d1" * 32, "6 by seed 11", "9.8.7", "2026-11-20T10:11:12Z"):  # fmt: skip
        assert fact in Page(html).text
        assert fact in markdown


def test_a_run_without_any_answer_is_reported(tmp_path):
    _, markdown = report_on(tmp_path, results_folder(tmp_path / "run", answered=0))
    assert "incomplete, 0 of 6 scenarios so far" in markdown
