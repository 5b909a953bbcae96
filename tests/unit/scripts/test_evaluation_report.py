"""What the report of results folders holds: every run, its warnings, and nothing from elsewhere."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from app.domain.cells import Usage
from scripts.benchmark.measures import paper
from scripts.benchmark.measures.cost import Cost
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.parts import accuracy, cost, leaning, scores
from scripts.benchmark.pages.plots.cost import cost_plot
from scripts.benchmark.pages.report import write_report
from scripts.benchmark.records.choices import encode_choices
from scripts.benchmark.records.reading import RUN_FILE, SCENARIOS_FILE, read_all
from scripts.benchmark.records.results import DataFile, Run, ScenarioResult, TargetSet

NAMES = ("helpfulness", "correctness", "verbosity")
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
HOSTILE = "<script>alert('x')</script> $\\frac{1}$ _a|b"


def target_sets() -> tuple[TargetSet, ...]:
    return (
        TargetSet("high", "high", (dict.fromkeys(NAMES, 1.0),)),
        TargetSet("low", "low", (dict.fromkeys(NAMES, 0.0),)),
        TargetSet(
            "sampled", "sampled", ({"helpfulness": 0.75}, {"verbosity": 0.0, "correctness": 1})
        ),
        TargetSet("all", "all", (), dict.fromkeys(NAMES, LEVELS)),
    )


def results_folder(
    folder: Path,
    *,
    method: str = "comparative",
    label: str = "",
    model: str = "acme/judge-1b",
    dataset: str = "helpsteer2",
    scenarios: int = 6,
    answered: int | None = None,
    problems: Sequence[str] = (),
    seed: int = 0,
    digest: str = "d1" * 32,
    names: Sequence[str] = NAMES,
    sets: Sequence[TargetSet] | None = None,
    **fields,
) -> Path:
    """Write a results folder of random labels, scores and selections."""
    labels_of, rng = np.random.default_rng(1), np.random.default_rng(seed)
    sets = target_sets() if sets is None else sets
    rows = []
    for number in range(scenarios):
        labels = tuple({n: float(labels_of.choice(LEVELS)) for n in names} for _ in range(2))
        if number < len(problems):
            rows.append(ScenarioResult(f"s{number}", labels, problem=problems[number]))
            continue
        chosen = {t.name: encode_choices(rng.integers(0, 2, len(t)).tolist()) for t in sets}
        scored = method == "comparative"
        rows.append(
            ScenarioResult(
                f"s{number}",
                labels,
                scores={n: tuple(rng.random(2).tolist()) for n in names} if scored else {},
                selected=chosen,
                forward=chosen if number < 2 else {},
                reversed=chosen if number < 2 else {},
                seconds=1.5 + number,
                usage=Usage(900, 300, 80),
                **fields,
            )
        )
    run = Run(
        method=method,
        settings={"examples": 5, "samples": 1},
        attributes=dict.fromkeys(names, LEVELS),
        target_sets=tuple(sets),
        data=(DataFile("eval.jsonl", digest, 250),),
        sample=scenarios,
        sample_seed=11,
        scenarios=tuple(row.id for row in rows),
        command="python -m scripts.benchmark run --sample 6",
        versions={"azimuth": "9.8.7"},
        started="2026-11-20T10:11:12Z",
        dataset=dataset,
        label=label,
        scorer={"fingerprint": "f00dcafe", "model": model, "revision": "abc123"} if model else {},
    )
    folder.mkdir(parents=True)
    (folder / RUN_FILE).write_bytes(msgspec.json.encode(run))
    lines = [msgspec.json.encode(row) + b"\n" for row in rows[:answered]]
    (folder / SCENARIOS_FILE).write_bytes(b"".join(lines))
    return folder


class Page(HTMLParser):
    """The tags and the visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        self.text += text

    def count(self, name: str) -> int:
        return sum(tag == name for tag, _ in self.tags)


def report_on(tmp_path: Path, *folders: Path) -> tuple[str, str]:
    write_report(read_all(folders), tmp_path / "report")
    read = [(tmp_path / "report" / name).read_text() for name in ("report.html", "report.md")]
    return read[0], read[1]


@pytest.fixture
def without_plots(monkeypatch):
    """For tests of words and figures: plots take a second."""
    plots = (
        (accuracy, "accuracy_plot"),
        (accuracy, "size_plot"),
        (leaning, "leaning_plot"),
        (scores, "quality_plot"),
        (cost, "cost_plot"),
    )
    for part, name in plots:
        monkeypatch.setattr(part, name, lambda *_: "<svg/>")


@pytest.mark.parametrize("runs", [1, 8])
def test_every_run_is_in_tables_and_plots(tmp_path, runs):
    folders = [
        results_folder(tmp_path / f"run{i}", label=f"judge number {i}", seed=i) for i in range(runs)
    ]
    html, markdown = report_on(tmp_path, *folders)
    for number in range(runs):
        assert f"judge number {number}" in Page(html).text
        assert f"| judge number {number} |" in markdown
    files = sorted((tmp_path / "report" / "plots").iterdir())
    assert [re.sub(r".*-", "", file.stem) for file in files] == [
        "accuracy", "attributes", "cost", "leaning", "scores",
    ]  # fmt: skip
    assert Page(html).count("svg") == len(files)
    for file in files:
        assert ET.parse(file).getroot().tag.endswith("svg")


def test_the_page_takes_nothing_from_elsewhere(tmp_path):
    html, _ = report_on(tmp_path, results_folder(tmp_path / "run"))
    assert not re.search(r"https?:", html)
    for tag, attributes in Page(html).tags:
        assert tag not in ("script", "link", "img", "iframe", "image")
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")


def test_links_and_references_lead_somewhere_and_ids_are_unique(tmp_path):
    folders = (results_folder(tmp_path / "a"), results_folder(tmp_path / "b", model="acme/two"))
    html, _ = report_on(tmp_path, *folders)
    tags = Page(html).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]*)\)", html))
    used |= {(a.get("href") or "")[1:] for _, a in tags if a.get("href")}
    assert used <= set(ids)


def test_what_comes_from_files_is_escaped(tmp_path):
    folder = results_folder(
        tmp_path / "run",
        label=HOSTILE,
        model=HOSTILE,
        dataset=HOSTILE,
        problems=[HOSTILE],
        names=[HOSTILE, "b", "c"],
        sets=[TargetSet(HOSTILE, "high", ({HOSTILE: 1.0, "b": 1.0},))],
    )
    html, markdown = report_on(tmp_path, folder)
    assert Page(html).count("script") == 0
    assert HOSTILE in Page(html).text
    assert "<script" not in markdown.replace("\\<", "")
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    tables = re.split(r"\n(?!\|)", markdown)
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", r)) for r in table.splitlines() if r in rows}
        assert len(widths) <= 1


@pytest.mark.usefixtures("without_plots")
def test_incomplete_runs_failures_and_missing_selections_are_said(tmp_path):
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
def test_pairs_without_a_selection_are_said_beside_the_accuracy(tmp_path):
    folder = results_folder(tmp_path / "run", scenarios=1)
    row = msgspec.json.decode((folder / SCENARIOS_FILE).read_bytes(), type=ScenarioResult)
    row = msgspec.structs.replace(row, selected={"all": "-" * 125})
    (folder / SCENARIOS_FILE).write_bytes(msgspec.json.encode(row) + b"\n")
    html, markdown = report_on(tmp_path, folder)
    assert "100.0 % of pairs without a selection" in Page(html).text
    assert "100.0 % of pairs without a selection" in markdown


@pytest.mark.usefixtures("without_plots")
def test_runs_that_cannot_be_compared_are_said_to(tmp_path):
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
def test_runs_on_different_numbers_of_scenarios_say_so_wherever_they_are_named(tmp_path):
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
def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    _, markdown = report_on(
        tmp_path, results_folder(tmp_path / "first"), results_folder(tmp_path / "second")
    )
    assert "| comparative, few-shot (first) |" in markdown
    assert "| comparative, few-shot (second) |" in markdown


@pytest.mark.usefixtures("without_plots")
def test_what_was_run_is_told(tmp_path):
    html, markdown = report_on(tmp_path, results_folder(tmp_path / "run"))
    for fact in ("python -m scripts.benchmark run --sample 6", "acme/judge-1b", "abc123",
                 "f00dcafe",
                 "d1" * 32, "6 by seed 11", "9.8.7", "2026-11-20T10:11:12Z"):  # fmt: skip
        assert fact in Page(html).text
        assert fact in markdown


@pytest.mark.usefixtures("without_plots")
def test_the_papers_figures_stand_beside_like_runs_only(tmp_path):
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


def test_a_run_without_any_answer_is_reported_all_the_same(tmp_path):
    _, markdown = report_on(tmp_path, results_folder(tmp_path / "run", answered=0))
    assert "incomplete, 0 of 6 scenarios so far" in markdown


@pytest.mark.usefixtures("without_plots")
def test_scenarios_that_all_came_from_the_cache_have_no_seconds(tmp_path):
    _, markdown = report_on(tmp_path, results_folder(tmp_path / "run", cached=True))
    assert "| from the cache | from the cache | 0 of 6 |" in markdown


def few_and_many() -> tuple[TargetSet, TargetSet]:
    """One target for each number of attributes, as `sample:1` makes, and ten."""
    names = [NAMES[:size] for size in (1, 2, 3)]
    few = tuple(dict.fromkeys(some, 1.0) for some in names)
    many = tuple(dict.fromkeys(some, i / 9) for some in names for i in range(10))
    return TargetSet("sample-1", "sampled", few), TargetSet("sampled", "sampled", many)


@pytest.mark.usefixtures("without_plots")
def test_figures_of_means_over_targets_take_the_set_with_most_of_them(tmp_path):
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
def test_a_set_that_only_one_run_has_compares_nothing_and_is_not_taken(tmp_path):
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
def test_what_costs_are_for_and_whose_were_not_timed_is_said(tmp_path):
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


def test_rows_of_cost_tell_what_they_are_for_and_what_was_not_timed():
    def spent(seconds, *, per_target=False):
        timed = 0 if seconds is None else 9
        return Cost(9, 100.0, 20.0, 10.0, timed, seconds, seconds, per_target)

    costs = {"scored": spent(2.0), "chosen": spent(1.0, per_target=True), "known": spent(None)}
    tokens, seconds = cost_plot.__wrapped__(costs, drawing.styles(costs)).axes
    names = [label.get_text() for label in tokens.get_yticklabels()]
    assert names == ["scored", "chosen, each target", "known"]
    told = [text.get_text() for text in seconds.texts]
    assert told == ["2", "1", "not timed: from the cache"]


def test_two_attributes_are_drawn_without_a_polar_plot(tmp_path):
    names = NAMES[:2]
    sets = [TargetSet("high", "high", (dict.fromkeys(names, 1.0),))]
    html, _ = report_on(tmp_path, results_folder(tmp_path / "run", names=names, sets=sets))
    assert "leaning" in html


def test_the_same_folders_give_the_same_report(tmp_path):
    folder = results_folder(tmp_path / "run")
    assert report_on(tmp_path, folder) == report_on(tmp_path, folder)


# Styles, and the paper's figures


def test_a_method_looks_the_same_whatever_stands_beside_it():
    alone = drawing.styles(["unaligned"])["unaligned"]
    many = drawing.styles(["mine", "unaligned", "comparative, few-shot", *map(str, range(9))])
    assert many["unaligned"] == alone
    assert len({style.colour for style in many.values()}) == 12


def test_what_tells_runs_of_one_method_apart_does_not_change_its_look():
    alone = drawing.styles(["unaligned"])["unaligned"]
    both = drawing.styles(["unaligned (60 scenarios)", "unaligned (250 scenarios)"])
    assert both["unaligned (60 scenarios)"] == alone
    assert both["unaligned (250 scenarios)"] != alone


def test_more_runs_than_colours_are_still_told_apart():
    looks = drawing.styles(map(str, range(24))).values()
    assert len({(style.colour, style.hatch) for style in looks}) == 24


def run(method: str, examples: int, samples: int, dataset: str = "helpsteer2") -> Run:
    chosen = {"examples": examples, "samples": samples}
    return Run(method, chosen, {}, (), (), None, 0, (), "", {}, "", dataset)


def test_the_papers_figures_are_found_by_their_conditions():
    greedy = paper.matching_accuracies(run("comparative", 5, 1), "all")
    assert [(f.model, f.percent, f.deviation) for f in greedy] == [
        ("Llama-3.2-3B", 55.2, 4.6),
        ("Mistral-7B", 56.0, 5.0),
    ]
    zero_shot = paper.matching_accuracies(run("prompt_aligned", 0, 1, "mic"), "sampled")
    assert [(f.percent, f.source) for f in zero_shot] == [(50.1, "Table 2"), (54.1, "Table 2")]
    sampled = paper.matching_accuracies(run("prompt_aligned", 0, 5), "sampled")
    assert [(f.percent, f.source) for f in sampled] == [(52.0, "Table 3"), (57.2, "Table 3")]
    assert paper.matching_accuracies(run("comparative", 0, 1), "sampled") == ()
    assert paper.matching_accuracies(run("comparative", 5, 1, "triage"), "all") == ()


def test_the_papers_seconds_are_those_of_the_like_method():
    found = paper.matching_seconds(run("comparative", 5, 1))
    assert [f.seconds for f in found] == [137.9, 138.2]
    assert paper.matching_seconds(run("comparative", 0, 1)) == ()
