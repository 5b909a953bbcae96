"""The report's part about groups and people, from small drawn ratings."""

import re
import xml.etree.ElementTree as ET

import msgspec
import numpy as np
import pytest

from app.domain.bank import Bank
from scripts.benchmark.__main__ import main
from scripts.benchmark.groups.figures import people_figures, retrieval_figures
from scripts.benchmark.groups.matrix import large_table
from scripts.benchmark.groups.retrieving import retrieve
from scripts.benchmark.records.group_figures import (
    FILE,
    Estimate,
    GroupFigures,
    OpinionFigures,
    ReadingFigures,
    keep_figures,
    read_figures,
)
from tests.unit.scripts.benchmark.report_pages import HOSTILE, Page, results_folder
from tests.unit.workers.test_group_examples import SETUP, many
from workers.retrieval.embedding import HashingEmbedder

BLOCKS = np.arange(60) // 15
TITLES = (
    "Retrieval error: ratings of strategies",
    "Fitted weights",
    "What own ratings of a person are worth",
    "Coverage of intervals",
    "Regret of choices for groups",
    "Whether groups differ",
    "Classes read from texts",
    "Opinions of groups",
)


@pytest.fixture(scope="module")
def retrieval():
    bank = Bank("d", tuple(many(60)), SETUP)
    vectors = HashingEmbedder().encode([one.question for one in bank.scenarios])
    published = {("baseline", "north"): np.full(60, 1.5), ("spica", "north"): np.full(60, 1.25)}
    return retrieval_figures(retrieve(bank, vectors, BLOCKS), BLOCKS, published)


@pytest.fixture(scope="module")
def figures(retrieval):
    share = {"north": Estimate(0.5, 0.4, 0.6)}
    return GroupFigures(
        retrieval={"strategies": retrieval},
        people={"strategies": people_figures(_few_groups(large_table(96)), draws=1)},
        reading=(ReadingFigures(3, 0.94, 0.2),),
        opinions=(OpinionFigures("own", share, 0.5), OpinionFigures("guessing", share, 0.5)),
    )


def _few_groups(table):
    """Four groups of 24 people each."""
    member = np.arange(96)[:, None] % 4 == np.arange(4)
    return type(table)(
        **{name: getattr(table, name) for name in table.__dataclass_fields__}
        | {"groups": table.groups[:4], "membership": member}
    )


def _report(folder, *paths):
    assert main(["report", *map(str, paths), "--out", str(folder)]) == 0
    return (folder / "report.html").read_text("utf-8"), (folder / "report.md").read_text("utf-8")


def test_a_row_for_each_way_to_retrieve_and_for_all_groups(retrieval):
    kinds = ["similar", "spica", "expected", "one for all", "paper's similar", "paper's spica"]
    assert [row.kind for row in retrieval.rows if row.group == "north"] == kinds
    assert [row.kind for row in retrieval.rows if row.group == "all"] == kinds
    for paper in (row for row in retrieval.rows if row.kind == "paper's spica"):
        assert paper.mismatch.mean == 1.25
        assert paper.less == Estimate(-0.25, -0.25, -0.25)
    assert {one.group for one in retrieval.weights} == {"north"}


def test_the_page_has_a_chart_and_a_table_for_everything_measured(figures, tmp_path):
    keep_figures(tmp_path / "measured", figures)
    html, markdown = _report(tmp_path / "report", tmp_path / "measured")
    page = Page(html)
    for title in TITLES:
        assert title in page.text
        assert f"### {title}\n" in markdown
    plots = sorted((tmp_path / "report" / "plots").iterdir())
    assert page.count("svg") == len(plots) == 6
    for plot in plots:
        assert ET.parse(plot).getroot().tag.endswith("svg")
    assert page.count("table") == len(TITLES)
    assert not re.search(r"https?:", html)


def test_figures_stand_next_to_runs(figures, tmp_path):
    keep_figures(tmp_path / "measured", figures)
    run = results_folder(tmp_path / "run", label="judge")
    html, _ = _report(tmp_path / "report", run, tmp_path / "measured")
    text = Page(html).text
    assert "judge" in text
    assert "Groups and people" in text
    ids = [attributes["id"] for _, attributes in Page(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_names_from_files_are_text_only(figures, tmp_path):
    text = msgspec.json.encode(figures).decode()
    hostile = HOSTILE.replace("\\", "\\\\")
    for name in ('"north"', '"g1"', '"c1"', '"c2"', '"strategies"'):
        text = text.replace(name, f'"{name[1:-1]} {hostile}"')
    keep_figures(tmp_path / "measured", msgspec.json.decode(text, type=GroupFigures))
    html, markdown = _report(tmp_path / "report", tmp_path / "measured")
    assert Page(html).count("script") == 0
    assert HOSTILE in Page(html).text
    assert "<script" not in markdown.replace("\\<script", "")


def test_parts_measured_later_join_those_before(figures, tmp_path):
    keep_figures(tmp_path, GroupFigures(retrieval=figures.retrieval, opinions=figures.opinions))
    keep_figures(tmp_path, GroupFigures(people=figures.people, opinions=figures.opinions[:1]))
    every = read_figures(tmp_path)
    assert every.retrieval == figures.retrieval
    assert every.people == figures.people
    assert every.opinions == figures.opinions[:1]


def test_retrieval_of_few_examples_is_warned_of(figures, tmp_path):
    rows = tuple(
        msgspec.structs.replace(row, examples=(2,)) if row.kind == "spica" else row
        for row in figures.retrieval["strategies"].rows
    )
    few = msgspec.structs.replace(figures.retrieval["strategies"], rows=rows)
    keep_figures(tmp_path / "measured", GroupFigures(retrieval={"strategies": few}))
    html, _ = _report(tmp_path / "report", tmp_path / "measured")
    assert "spica shows only 2 different examples for 60 prompts" in Page(html).text


def test_a_broken_record_is_named(tmp_path, capsys):
    (tmp_path / FILE).write_text('{"retrieval": 3}')
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report")]) == 1
    assert f"{tmp_path / FILE} holds no figures of groups" in capsys.readouterr().err


def test_some_public_opinions_become_a_page_from_the_command_line(shared_data, tmp_path, capsys):
    data, measured = tmp_path / "data", tmp_path / "measured"
    for path in sorted((shared_data / "opinionqa").glob("*/*.jsonl")):
        (data / path.parent.name).mkdir(parents=True, exist_ok=True)
        lines = path.read_text("utf-8").splitlines(keepends=True)[:12]
        (data / path.parent.name / path.name).write_text("".join(lines), "utf-8")
    command = ["groups", "--parts", "opinions", "--opinions", str(data), "--out", str(measured)]
    assert main(command) == 0
    assert f"report {measured} --out" in capsys.readouterr().out
    html, _ = _report(tmp_path / "report", measured)
    assert "commonest place" in Page(html).text
