"""Examples for groups: SPICA's figures 3, 6 and 9."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Table
from scripts.benchmark.pages.parts.text import DASH
from scripts.benchmark.pages.plots.groups import retrieval_plot, weights_plot
from scripts.benchmark.records.group_figures import Estimate, RetrievalFigures

SIGNS = {"similarity": "small", "stability": "−", "contrast": "−"}
"""The paper's text (A.4): what it says of the sign of each weight. The one of similarity is small,
and positive for the groups that are not religious."""

FEW_EXAMPLES = 10
"""Fewer different examples for all prompts say little about a prompt."""


def retrieval_parts(prefix: str, by_ratings: Mapping[str, RetrievalFigures]) -> list[Part]:
    """The mismatch for each group and way to retrieve, and the weights."""
    parts = [
        _retrieval_part(f"{prefix}-retrieval-{number}", name, one)
        for number, (name, one) in enumerate(by_ratings.items(), start=1)
    ]
    return [*parts, _weights_part(f"{prefix}-weights", by_ratings)] if by_ratings else []


def few_examples(by_ratings: Mapping[str, RetrievalFigures]) -> list[str]:
    """What to know before mismatches are compared: ways that show the same examples always."""
    notes: list[str] = []
    for name, one in by_ratings.items():
        counts: dict[str, list[int]] = {}
        for row in one.rows:
            if row.kind != "one for all":
                counts.setdefault(row.kind, []).extend(row.examples)
        for kind, every in counts.items():
            if every and min(every) < FEW_EXAMPLES <= one.prompts:
                notes.append(
                    f"Ratings of {name}: {kind} shows only {_range(every)} different examples for "
                    f"{one.prompts} prompts. Flat examples lower the mismatch and say little."
                )
    return notes


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _retrieval_part(part: str, name: str, figures: RetrievalFigures) -> Part:
    picture = Picture(
        retrieval_plot(figures),
        "Above: the mean mismatch (equation 1) of prompt and example, less is better. Below: the "
        "same minus that of the most similar example, on the same prompts. Thin lines are "
        "95\u00a0% intervals over blocks of prompts that share their raters.",
    )
    left_out = f" without {figures.left_out}" if figures.left_out else ""
    by = f" Similarity by {figures.embedder}." if figures.embedder else ""
    table = Table(
        f"One example for each of {figures.prompts} prompts, from a bank{left_out}.{by} Intervals "
        "are of 95\u00a0%: over prompts, and over blocks of prompts with the same raters. "
        "Examples: how many different ones (for each group). Favourites: what the group gives the "
        "class that the example's raters liked best. Spread: the example's largest less its "
        "smallest mean rating.",
        (
            "group", "retrieval", "mismatch", "minus similar", "… by raters", "examples",
            "favourites", "spread",
        ),
        tuple(
            (
                Cell(row.group),
                Cell(row.kind),
                Cell(f"{row.mismatch.mean:.3f}"),
                Cell(signed(row.less)),
                Cell(signed(row.less_by_raters)),
                Cell("/".join(map(str, row.examples)) or DASH),
                Cell(DASH if row.value is None else f"{row.value:.2f}"),
                Cell(DASH if row.spread is None else f"{row.spread:.2f}"),
            )
            for row in figures.rows
        ),
        folded="Figures for each group and way to retrieve",
    )  # fmt: skip
    return Part(part, f"Retrieval error: ratings of {name}", (table,), picture)


def _weights_part(part: str, by_ratings: Mapping[str, RetrievalFigures]) -> Part:
    picture = Picture(
        weights_plot(by_ratings, SIGNS),
        "Each bar is a fitted weight in the distance of prompt and example: below zero, the "
        "measure makes a good example. Under each measure: the sign that the paper reports.",
    )
    paper = (Cell("the paper's text (A.4)"), Cell(""), *map(Cell, SIGNS.values()))
    rows = tuple(
        (
            Cell(name),
            Cell(one.group),
            Cell(f"{one.similarity:+.3f}"),
            Cell(f"{one.stability:+.3f}"),
            Cell(f"{one.contrast:+.3f}"),
        )
        for name, figures in by_ratings.items()
        for one in figures.weights
    )
    table = Table(
        "Weights fitted by least squares to the observed mismatch. In the paper, similarity's is "
        "positive for the groups that are not religious.",
        ("ratings of", "group", *SIGNS),
        (*rows, paper),
    )
    return Part(part, "Fitted weights", (table,), picture)


def signed(value: Estimate | None) -> str:
    """`-0.21 (-0.25 to -0.17)`, with three decimals."""
    if value is None:
        return DASH
    within = "" if value.low == value.high else f" ({value.low:+.3f} to {value.high:+.3f})"
    return f"{value.mean:+.3f}{within}"
