"""Accuracy by target set, and by the number of attributes of the target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure

from scripts.benchmark.measures.accuracy import Accuracy
from scripts.benchmark.pages.drawing import (
    INK,
    NO_BAR,
    RUN_WIDTH,
    Style,
    accuracy_bar,
    dashed,
    grid,
    grouped_bars,
    lines,
    new_figure,
    patches,
    plot,
)

MOST_BANDS = 3
"""Runs whose intervals are drawn as bands; those of more runs would hide each other."""


@plot
def accuracy_plot(
    accuracies: Mapping[str, Mapping[str, Accuracy]], style: Mapping[str, Style]
) -> Figure:
    """Accuracy by target set, grouped by run, with 95 % intervals and chance (figure 6).

    `accuracies` is run title -> target set -> accuracy.
    """
    sets = list(dict.fromkeys(name for by_set in accuracies.values() for name in by_set))
    values = {
        title: [accuracy_bar(by_set[s]) if s in by_set else NO_BAR for s in sets]
        for title, by_set in accuracies.items()
    }
    figure, (axes,) = new_figure(3.6, [*patches(accuracies, style), dashed("chance")])
    grouped_bars(axes, sets, values, style)
    for place, name in enumerate(sets):
        chance = _mean_chance(by_set[name] for by_set in accuracies.values() if name in by_set)
        half = RUN_WIDTH / 2 + 0.04
        axes.hlines(chance, place - half, place + half, INK, "--", lw=1.3)
    axes.set_xlabel("targets")
    axes.set_ylabel("accuracy (%)")
    return figure


@plot
def size_plot(
    accuracies: Mapping[str, Mapping[int, Accuracy]], style: Mapping[str, Style]
) -> Figure:
    """Accuracy by number of attributes in the target, with 95 % intervals (figure 8).

    `accuracies` is run title -> number of attributes -> accuracy.
    """
    sizes = sorted({size for by_size in accuracies.values() for size in by_size})
    figure, (axes,) = new_figure(3.6, [*lines(accuracies, style), dashed("chance")])
    step = min(0.05, 0.5 / max(len(accuracies), 1))
    for number, (title, by_size) in enumerate(accuracies.items()):
        points = [(n, *accuracy_bar(by_size[n])) for n in sizes if n in by_size]
        x, y, below, above = (np.array(column) for column in zip(*points, strict=True))
        look = style[title]
        if len(accuracies) <= MOST_BANDS:
            axes.fill_between(x, y - below, y + above, color=look.colour, alpha=0.15, lw=0)
        else:
            x = x + step * (number - (len(accuracies) - 1) / 2)
            axes.errorbar(x, y, (below, above), color=look.colour, fmt="none", lw=0.9, alpha=0.75)
        axes.plot(x, y, color=look.colour, ls=look.dash, marker=look.marker, ms=6, lw=1.8)
    chances = [_mean_chance(b[n] for b in accuracies.values() if n in b) for n in sizes]
    axes.plot(sizes, chances, color=INK, ls="--", lw=1.3)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlim(sizes[0] - 0.3, sizes[-1] + 0.3)
    axes.set_xlabel("attributes in the target")
    axes.set_ylabel("accuracy (%)")
    grid(axes)
    return figure


def _mean_chance(accuracies: Iterable[Accuracy]) -> float:
    """Chance of several runs in percent: they differ only where selections are missing."""
    chances = [a.chance for a in accuracies if a.chance is not None]
    return 100 * sum(chances) / len(chances) if chances else math.nan
