"""Which figures the report shows."""

import pytest

from scripts.benchmark.measures.cost import Cost
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.plots.cost import cost_plot
from scripts.benchmark.records.results import TargetSet
from tests.unit.scripts.benchmark.report_pages import (
    NAMES,
    Page,
    report_on,
    results_folder,
    target_sets,
)


@pytest.mark.usefixtures("without_plots")
def test_figures_of_the_paper_are_shown_for_like_runs_only(tmp_path):
    _, markdown = report_on(
        tmp_path,
        results_folder(tmp_path / "a", label="proposed"),
        results_folder(tmp_path / "b", label="baseline", method="unaligned"),
    )
    assert "paper: 55.2 Llama-3.2-3B, 56.0 Mistral-7B" in markdown
    assert "paper, 5 samples: 59.0 Llama-3.2-3B, 68.4 Llama-3.3-70B" in markdown
    here = [line for line in markdown.splitlines() if line.endswith("| Table 1 |")]
    assert here
    assert all(line.startswith("| proposed |") for line in here)


@pytest.mark.usefixtures("without_plots")
def test_scenarios_from_the_cache_have_no_seconds(tmp_path):
    _, markdown = report_on(tmp_path, results_folder(tmp_path / "run", cached=True))
    assert "| from the cache | from the cache | 0 of 6 |" in markdown


def few_and_many() -> tuple[TargetSet, TargetSet]:
    """One target for each number of attributes, as `sample:1` makes, and ten."""
    names = [NAMES[:size] for size in (1, 2, 3)]
    few = tuple(dict.fromkeys(some, 1.0) for some in names)
    many = tuple(dict.fromkeys(some, i / 9) for some in names for i in range(10))
    return TargetSet("sample-1", "sampled", few), TargetSet("sampled", "sampled", many)


@pytest.mark.usefixtures("without_plots")
def test_means_over_targets_use_the_largest_set(tmp_path):
    """Not the one that all runs have, which may be a single target for each number of attributes;
    who lacks it is named."""
    few, many = few_and_many()
    folders = [
        results_folder(tmp_path / "a", label="short", sets=[few]),
        results_folder(tmp_path / "b", label="long", sets=[few, many]),
        results_folder(tmp_path / "c", label="longer", sets=[few, many]),
    ]
    _, markdown = report_on(tmp_path, *folders)
    by_size = markdown.partition("### Accuracy by number of attributes")[2].partition("###")[0]
    assert "on the sampled targets" in by_size
    assert "Not asked for the sampled targets: short." in by_size
    assert "| short |" not in by_size
    assert "| longer |" in by_size
    leaning = markdown.partition("### Leaning")[2].partition("###")[0]
    assert "on the sampled targets" in leaning
    assert "Not asked for the sampled targets: short." in leaning


@pytest.mark.usefixtures("without_plots")
def test_sets_that_several_runs_have_are_preferred(tmp_path):
    few, many = few_and_many()
    folders = [
        results_folder(tmp_path / "a", label="short", sets=[few]),
        results_folder(tmp_path / "b", label="long", sets=[few, many]),
    ]
    _, markdown = report_on(tmp_path, *folders)
    by_size = markdown.partition("### Accuracy by number of attributes")[2].partition("###")[0]
    assert "on the sample-1 targets" in by_size
    assert "Not asked" not in by_size
    _, alone = report_on(tmp_path, folders[1])
    assert "on the sampled targets by number" in alone


@pytest.mark.usefixtures("without_plots")
def test_costs_per_target_and_missing_times_are_explained(tmp_path):
    sets = target_sets()[:3]
    folders = [
        results_folder(tmp_path / "a", label="scored", sets=sets),
        results_folder(tmp_path / "b", label="chosen", sets=sets, method="prompt_aligned"),
        results_folder(tmp_path / "c", label="known", sets=sets, cached=True),
    ]
    html, markdown = report_on(tmp_path, *folders)
    for text in (Page(html).text, markdown):
        assert "divided by the requests that were in flight" in text
        assert "Of each target, as the model is asked for each: chosen." in text
        assert "Not timed, as all of it came from the cache: known." in text
    # 900 prompt tokens are those of four targets; seconds are 1.5 to 6.5, one in flight.
    assert "| scored | 900 | 300 | 80 | 4.00 |" in markdown
    assert "| chosen | 225 | 75 | 20 | 1.00 |" in markdown
    _, simple = report_on(tmp_path, folders[0])
    assert "Of each target" not in simple
    assert "Not timed" not in simple


def test_rows_of_cost_show_units_and_missing_times():
    def spent(seconds, *, per_target=False):
        timed = 0 if seconds is None else 9
        return Cost(9, 100.0, 20.0, 10.0, timed, seconds, seconds, per_target)

    costs = {"scored": spent(2.0), "chosen": spent(1.0, per_target=True), "known": spent(None)}
    tokens, seconds = cost_plot.__wrapped__(costs, drawing.styles(costs)).axes
    names = [label.get_text() for label in tokens.get_yticklabels()]
    assert names == ["scored", "chosen, each target", "known"]
    labels = [text.get_text() for text in seconds.texts]
    assert labels == ["2", "1", "not timed: from the cache"]
