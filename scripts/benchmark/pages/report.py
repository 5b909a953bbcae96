"""One report of several results folders: tables and plots as HTML, tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jinja2

from scripts.benchmark.measures.evaluated import group_runs
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.parts.content import Section, Table
from scripts.benchmark.pages.parts.groups import groups_section
from scripts.benchmark.pages.parts.section import group_section
from scripts.benchmark.records.group_figures import GroupFigures
from scripts.benchmark.records.grouping import NamedRun


def write_report(
    runs: Iterable[NamedRun], out: Path, figures: Mapping[str, GroupFigures] | None = None
) -> None:
    """Write `report.html`, `report.md` and `plots/*.svg` about runs into `out`.

    `figures` are those of groups and people, by the name of their record; they come after the runs.
    Raises `ValueError` when selections do not fit their targets.
    """
    groups = enumerate(group_runs(runs), start=1)
    sections = [group_section(number, group) for number, group in groups]
    named = {} if figures is None else figures
    for name, one in named.items():
        title = name if len(named) > 1 else ""
        sections.append(groups_section(len(sections) + 1, title, one))
    (out / "plots").mkdir(parents=True, exist_ok=True)
    for section in sections:
        for part in section.parts:
            if part.picture:
                (out / "plots" / f"{part.id}.svg").write_text(
                    drawing.on_white(part.picture.svg), "utf-8"
                )
    (out / "report.html").write_text(
        html_page(sections, "Evaluation report", "Before you compare"), encoding="utf-8"
    )
    (out / "report.md").write_text(markdown(sections, "Evaluation report"), encoding="utf-8")


def html_page(sections: Sequence[Section], title: str, caution: str) -> str:
    """A page that needs no other file; `caution` is the heading of warnings."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.jinja").render(
        sections=sections, title=title, caution=caution
    )


def markdown(sections: Sequence[Section], title: str) -> str:
    """The tables of a report, and its warnings."""
    lines = [f"# {title}", ""]
    for section in sections:
        lines += [f"## {_escaped(section.title)}", ""]
        if section.warnings:
            lines += [f"- **Note:** {_escaped(warning)}" for warning in section.warnings] + [""]
        for part in section.parts:
            lines += [f"### {_escaped(part.title)}", ""]
            for table in part.tables:
                name = table.caption or table.folded
                lines += [_escaped(name), "", *_markdown_table(table), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(table: Table) -> list[str]:
    lines = [_markdown_row(table.header), _markdown_row(["---"] * len(table.header))]
    for row in table.rows:
        cells = (_escaped("; ".join((c.text, *c.warnings, *c.notes))) for c in row)
        lines.append(_markdown_row(cells, escaped=True))
    return lines


def _markdown_row(cells: Iterable[str], *, escaped: bool = False) -> str:
    return "| " + " | ".join(cell if escaped else _escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(text.split()))
