"""Scores against labels, attribute by attribute."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.measures.scores import AttributeQuality, unscored_reasons
from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Styles, Table
from scripts.benchmark.pages.parts.text import (
    DASH,
    ratio_text,
)
from scripts.benchmark.pages.plots.scores import quality_plot

LONG = 20
"""Rows of a table that is folded where a plot tells the same."""


def quality_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    shown = {e.title: e.qualities for e in runs if e.qualities}
    reasons = {e.title: unscored_reasons(e.answered) for e in runs}
    if not shown and not any(reasons.values()):
        return None
    rows = tuple((Cell(title), *_quality_cells(q)) for title, found in shown.items() for q in found)
    caption = (
        "Scores against labels, both from 0 to 1, ± standard error over scenarios. Pairwise: share "
        "of pairs of candidates with different labels that the scores put in the right order; "
        "equal scores count a half. Tied: share of scenarios in which two candidates have the same "
        "score."
    )
    header = (
        "run", "attribute", "labels", "mean absolute error", "Spearman", "pairwise (%)", "tied (%)",
        "unscored",
    )  # fmt: skip
    missing = tuple(
        (Cell(title), Cell(reason), Cell(f"{count:,}"))
        for title, found in reasons.items()
        if title not in shown
        for reason, count in found.items()
    )
    folded = "Figures by attribute" if len(rows) > LONG else ""
    tables = [Table(caption, header, rows, folded)] if rows else []
    if missing:
        text = "Choices that are missing, in scenarios that did not fail as a whole."
        tables.append(Table(text, ("run", "reason", "choices"), missing))
    picture = None
    if shown:
        picture = Picture(
            quality_plot(shown, style),
            "Above, how far scores lie from labels on the average (lower is better); below, how "
            "often the candidate with the higher label also has the higher score (higher is "
            "better, 50\u00a0% is chance).",
        )
    return Part(f"{prefix}-scores", "Scores by attribute", tuple(tables), picture)


def _quality_cells(found: AttributeQuality) -> tuple[Cell, ...]:
    unscored = ", ".join(f"{count} {reason}" for reason, count in found.unscored.items())
    return (
        Cell(found.attribute),
        Cell(f"{found.labels:,}"),
        Cell(ratio_text(found.absolute_error, 1, 3)),
        Cell(DASH if found.correlation is None else f"{found.correlation:.2f}".replace("-", "−")),
        Cell(ratio_text(found.pairwise), (f"{found.pairwise.parts:,} pairs",)),
        Cell(ratio_text(found.tied)),
        Cell(unscored or "0"),
    )
