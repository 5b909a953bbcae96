"""The page: it is whole, safe and reproducible."""

import re
import xml.etree.ElementTree as ET

import pytest

from scripts.benchmark.records.results import TargetSet
from tests.unit.scripts.benchmark.report_pages import (
    HOSTILE,
    NAMES,
    Page,
    report_on,
    results_folder,
)


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


def test_the_page_loads_nothing_from_other_places(tmp_path):
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


def test_texts_from_files_are_escaped(tmp_path):
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


def test_two_attributes_are_drawn_without_a_polar_plot(tmp_path):
    names = NAMES[:2]
    sets = [TargetSet("high", "high", (dict.fromkeys(names, 1.0),))]
    html, _ = report_on(tmp_path, results_folder(tmp_path / "run", names=names, sets=sets))
    assert "leaning" in html


def test_the_same_folders_give_the_same_report(tmp_path):
    folder = results_folder(tmp_path / "run")
    assert report_on(tmp_path, folder) == report_on(tmp_path, folder)
