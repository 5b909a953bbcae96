"""Tokens and seconds of a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scripts.benchmark.measures.cost import Cost
from scripts.benchmark.pages.drawing import (
    INK,
    Style,
    grid,
    new_figure,
    plot,
    wrapped,
)


@plot
def cost_plot(costs: Mapping[str, Cost], style: Mapping[str, Style]) -> Figure:
    """Mean tokens and seconds a scenario, a row a run (table 9).

    `costs` is run title -> cost. Without any seconds only tokens are drawn. The names of methods
    that are asked for each target say so.
    """
    timed = any(cost.mean_seconds is not None for cost in costs.values())
    kinds = [
        Patch(facecolor=INK, alpha=alpha, edgecolor=INK, lw=0.4, label=name)
        for name, alpha in TOKEN_KINDS
    ]
    names = [
        wrapped(title + (", each target" if cost.per_target else ""), 34)
        for title, cost in costs.items()
    ]
    tallest = max(name.count("\n") + 1 for name in names)
    height = max(0.4, 0.16 * tallest + 0.1) * len(costs) + 1.0
    figure, axes = new_figure(height, kinds, 1, 1 + timed, sharey=True)
    for row, (title, cost) in enumerate(costs.items()):
        colour = style[title].colour
        cached = cost.cached_prompt_tokens or 0.0
        parts = (cached, (cost.prompt_tokens or 0.0) - cached, cost.output_tokens or 0.0)
        _stacked_row(axes[0], row, parts, colour)
        if timed and cost.mean_seconds is not None:
            axes[1].barh(row, cost.mean_seconds, 0.66, color=colour, edgecolor=INK, lw=0.4)
            _row_label(axes[1], row, cost.mean_seconds, f"{cost.mean_seconds:,.3g}")
        elif timed:
            _row_label(axes[1], row, 0.0, "not timed: from the cache")
    axes[0].set_yticks(range(len(costs)), names, fontsize=9)
    axes[0].set_ylim(len(costs) - 0.5, -0.5)
    for place, title in zip(axes, ("tokens a scenario", "seconds a scenario (mean)"), strict=False):
        place.set_title(title, loc="left")
        place.tick_params(axis="y", length=0)
        grid(place, "x")
        _, most = place.get_xlim()
        place.set_xlim(0, most * 1.2)
        place.locator_params(axis="x", nbins=4)
        place.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    return figure


TOKEN_KINDS = (
    ("prompt, from the prefix cache", 0.2),
    ("prompt, computed", 0.5),
    ("output", 1.0),
)
"""Parts of a bar of tokens: name and opacity."""


def _stacked_row(axes: Axes, row: int, parts: Sequence[float], colour: str) -> None:
    left = 0.0
    for tokens, (_, alpha) in zip(parts, TOKEN_KINDS, strict=True):
        axes.barh(row, tokens, 0.66, left, color=colour, alpha=alpha, edgecolor=INK, lw=0.4)
        left += tokens
    _row_label(axes, row, left, f"{left:,.0f}")


def _row_label(axes: Axes, row: int, x: float, text: str) -> None:
    axes.annotate(text, (x, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
