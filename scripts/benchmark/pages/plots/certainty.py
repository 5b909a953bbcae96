"""Probabilities against observed shares."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from scripts.benchmark.measures.certainty import Certainty
from scripts.benchmark.measures.estimates import NORMAL_95
from scripts.benchmark.pages.drawing import (
    INK,
    WIDTH,
    Style,
    dashed,
    grid,
    lines,
    new_figure,
    plot,
)


@plot
def certainty_plot(certainties: Mapping[str, Certainty], style: Mapping[str, Style]) -> Figure:
    """Share correct against probability, a point a decile with its 95 % interval.

    `certainties` is run title -> certainty. On the diagonal, probabilities equal observed shares.
    """
    handles = [*lines(certainties, style), dashed("probability = share correct")]
    figure, (axes,) = new_figure(4.2, handles, width=0.75 * WIDTH)
    axes.fill_between([0, 1], [-0.05, 0.95], [0.05, 1.05], color=INK, alpha=0.07, lw=0)
    axes.plot([0, 1], [0, 1], color=INK, ls="--", lw=1.3)
    for title, one in certainties.items():
        look = style[title]
        x = [decile.probability for decile in one.deciles]
        y = [decile.correct for decile in one.deciles]
        half = [NORMAL_95 * decile.error for decile in one.deciles]
        axes.errorbar(x, y, half, color=look.colour, fmt="none", lw=0.9, alpha=0.75)
        axes.plot(x, y, color=look.colour, ls=look.dash, marker=look.marker, ms=6, lw=1.8)
    lowest = min(
        min(decile.probability, decile.correct)
        for one in certainties.values()
        for decile in one.deciles
    )
    axes.set_xlim(max(0.0, lowest - 0.08), 1.02)
    axes.set_ylim(max(0.0, lowest - 0.08), 1.02)
    axes.set_xlabel("probability of the selected candidate")
    axes.set_ylabel("share that is correct")
    grid(axes)
    return figure
