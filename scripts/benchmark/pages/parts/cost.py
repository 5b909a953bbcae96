"""Tokens and seconds of a scenario."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.measures import paper
from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Styles, Table
from scripts.benchmark.pages.parts.text import (
    DASH,
    decoding_text,
    in_flight,
    number_text,
    seconds_text,
)
from scripts.benchmark.pages.plots.cost import cost_plot
from scripts.benchmark.records.results import Run


def cost_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    shown = {e.title: e.cost for e in runs if e.cost.prompt_tokens or e.cost.output_tokens}
    if not shown:
        return None
    rows = tuple(
        (
            Cell(e.title),
            Cell(number_text(e.cost.prompt_tokens)),
            Cell(number_text(e.cost.cached_prompt_tokens)),
            Cell(number_text(e.cost.output_tokens)),
            Cell(seconds_text(e.cost.mean_seconds)),
            Cell(seconds_text(e.cost.median_seconds)),
            Cell(f"{e.cost.timed} of {e.cost.scenarios}"),
            Cell(in_flight(e)),
            Cell(_paper_seconds(e.run)),
        )
        for e in runs
        if e.title in shown
    )
    each = [title for title, cost in shown.items() if cost.per_target]
    untimed = [title for title, cost in shown.items() if not cost.timed]
    known = f" Of each target, as the model is asked for each: {'; '.join(each)}." if each else ""
    if untimed:
        known += f" Not timed, as all of it came from the cache: {'; '.join(untimed)}."
    caption = (
        "Cost of a scenario: mean tokens, and seconds from request to answer divided by the "
        "requests that were in flight, which is how far apart answers come. Scenarios of which any "
        f"score came from the cache are not timed.{known} The paper's seconds are for a target of "
        "all attributes on one NVIDIA RTX A6000 (Table 9)."
    )
    header = (
        "run", "prompt tokens", "of these from the prefix cache", "output tokens", "mean seconds",
        "median seconds", "timed", "in flight", "paper's seconds",
    )  # fmt: skip
    picture = Picture(
        cost_plot(shown, style),
        "Each row is what one scenario takes: tokens that the model reads and writes, and seconds "
        "where they were measured, divided by the requests that were in flight; shorter is "
        f"cheaper.{known}",
    )
    return Part(f"{prefix}-cost", "Cost", (Table(caption, header, rows),), picture)


def _paper_seconds(run: Run) -> str:
    figures = paper.matching_seconds(run)
    if not figures:
        return DASH
    decoding = decoding_text(run, figures[0].samples)
    return ", ".join(f"{f.seconds} {f.model}" for f in figures) + decoding
