"""Errors of scores, attribute by attribute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.figure import Figure

from scripts.benchmark.measures.estimates import Ratio
from scripts.benchmark.measures.scores import AttributeQuality
from scripts.benchmark.pages.drawing import (
    INK,
    NO_BAR,
    Bar,
    Style,
    dashed,
    grouped_bars,
    new_figure,
    patches,
    plot,
    ratio_bar,
)


@plot
def quality_plot(
    qualities: Mapping[str, Sequence[AttributeQuality]], style: Mapping[str, Style]
) -> Figure:
    """Mean absolute error and pairwise accuracy of each attribute's scores, with 95 % intervals.

    `qualities` is run title -> one quality an attribute.
    """
    names = list(dict.fromkeys(q.attribute for by_title in qualities.values() for q in by_title))
    figure, (errors, orders) = new_figure(5.6, [*patches(qualities, style), dashed("chance")], 2)

    def bars(pick: Callable[[AttributeQuality], Ratio], scale: float) -> dict[str, list[Bar]]:
        by_title = {title: {q.attribute: q for q in every} for title, every in qualities.items()}
        return {
            title: [ratio_bar(pick(by_name[n]), scale) if n in by_name else NO_BAR for n in names]
            for title, by_name in by_title.items()
        }

    grouped_bars(errors, names, bars(lambda q: q.absolute_error, 1), style, percent=False)
    errors.set_ylim(bottom=0)
    errors.set_ylabel("mean absolute error")
    errors.set_title("Error of scores (lower is better)", loc="left")
    grouped_bars(orders, names, bars(lambda q: q.pairwise, 100), style)
    orders.axhline(50, color=INK, ls="--", lw=1.3)
    orders.set_ylabel("pairwise accuracy (%)")
    orders.set_title("Order of candidates (higher is better)", loc="left")
    return figure
