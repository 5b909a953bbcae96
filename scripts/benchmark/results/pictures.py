"""The pictures of RESULTS.md, from the published runs."""

from __future__ import annotations

from scripts.benchmark.frontier.runs import picture
from scripts.benchmark.measures.evaluated import group_runs
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.parts.accuracy import accuracy_part
from scripts.benchmark.pages.parts.certainty import certainty_part
from scripts.benchmark.results.tables import Published, frontiers
from scripts.benchmark.records.grouping import slug

SHOWN = (
    ("triage-smollm2-135m-instruct", "accuracy", accuracy_part),
    ("helpsteer2-qwen2-5-coder-1-5b-instruct-int8", "accuracy", accuracy_part),
    ("helpsteer2-smollm2-135m-instruct", "certainty", certainty_part),
)
"""Group of runs, name of the picture, and the part of the report that draws it."""


def pictures(published: Published) -> dict[str, str]:
    """Name of a file -> SVG."""
    groups = {slug(group.title): group.runs for group in group_runs(published.runs)}
    drawn: dict[str, str] = {}
    for name, subject, make in SHOWN:
        runs = groups[name]
        part = make(name, runs, drawing.styles(run.title for run in runs))
        assert part is not None
        assert part.picture is not None
        drawn[f"{name}-{subject}.svg"] = _for_a_file(part.picture.svg)
    for frontier in frontiers(published):
        name = f"frontier-{slug(frontier.key.title)}-sampled.svg"
        drawn[name] = _for_a_file(picture(frontier, "sampled"))
    return drawn


def _for_a_file(svg: str) -> str:
    return drawing.compact(drawing.on_white(svg))
