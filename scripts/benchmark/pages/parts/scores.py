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
"""More rows than this are folded, as a plot shows the same."""


def quality_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    shown = {e.title: e.qualities for e in runs if e.qualities}
    reasons = {e.title: unscored_reasons(e.answered) for e in runs}
    if not shown and not any(reasons.values()):
        return None
    rows = tuple(
        (Cell(title), *_quality_cells(q)) for title, qualities in shown.items() for q in qualities
    )
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
        for title, counts in reasons.items()
        if title not in shown
        for reason, count in counts.items()
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
            "Above, the mean distance of scores from labels (lower is better); below, how "
            "often the candidate with the higher label also has the higher score (higher is "
            "better, 50\u00a0% is chance).",
        )
    return Part(f"{prefix}-scores", "Scores by attribute", tuple(tables), picture)


def _quality_cells(quality: AttributeQuality) -> tuple[Cell, ...]:
    unscored = ", ".join(f"{count} {reason}" for reason, count in quality.unscored.items())
    return (
        Cell(quality.attribute),
        Cell(f"{quality.labels:,}"),
        Cell(ratio_text(quality.absolute_error, 1, 3)),
        Cell(
            DASH if quality.correlation is None else f"{quality.correlation:.2f}".replace("-", "−")
        ),
        Cell(ratio_text(quality.pairwise), (f"{quality.pairwise.parts:,} pairs",)),
        Cell(ratio_text(quality.tied)),
        Cell(unscored or "0"),
    )
