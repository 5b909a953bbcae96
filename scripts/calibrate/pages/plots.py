"""Plots of the report page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from scripts.benchmark.pages.drawing import (
    INK,
    NO_BAR,
    WIDTH,
    Bar,
    dashed,
    grid,
    grouped_bars,
    lines,
    new_figure,
    patches,
    plot,
    styles,
    wrapped,
)
from scripts.calibrate.pages.measures import Bin, Point

_ACROSS = 3
_TITLE_CHARS = 26
_NO_INTERVAL = (math.nan, math.nan)
_SPREAD = 0.016
"""Attributes are drawn a little apart, as a share of a size: their intervals would overlap."""

_MARGIN = 1.15
"""Room beside the first and the last size, as a factor."""


@plot
def sources_plot(
    attributes: Sequence[str],
    errors: Mapping[str, Sequence[float]],
    pairs: Mapping[str, Sequence[float | None]],
) -> Figure:
    """Error of each source, and pairs in the right order, for each attribute."""
    style = styles(errors)
    handles = [*patches(errors, style), dashed("chance")]
    figure, (above, below) = new_figure(5.6, handles, 2)
    bars = {name: [(value, *_NO_INTERVAL) for value in values] for name, values in errors.items()}
    grouped_bars(above, attributes, bars, style, percent=False)
    above.set_ylim(bottom=0)
    above.set_ylabel("root mean square error")
    above.set_title("Difference from the labels (lower is better)", loc="left")
    ordered = {name: [_share(share) for share in pairs[name]] for name in errors if name in pairs}
    grouped_bars(below, attributes, ordered, style)
    below.axhline(50, color=INK, ls="--", lw=1.3)
    below.set_ylabel("pairs in order (%)")
    below.set_title("Order of responses (higher is better)", loc="left")
    return figure


def _share(share: float | None) -> Bar:
    return NO_BAR if share is None else (100 * share, *_NO_INTERVAL)


@plot
def curve_plot(curves: Mapping[str, Sequence[Point]]) -> Figure:
    """Error and pairs in the right order against the number of labelled scenarios."""
    style = styles(curves)
    handles = [*lines(curves, style), dashed("the mean label · chance")]
    figure, (errors, orders) = new_figure(5.8, handles, 2, sharex=True)
    sizes = sorted({point.size for points in curves.values() for point in points})
    for number, (name, points) in enumerate(curves.items()):
        apart = 1 + _SPREAD * (number - (len(curves) - 1) / 2)
        look = style[name]
        x = [point.size * apart for point in points]
        y = [100 * point.error / point.constant for point in points]
        low = [100 * (point.error - point.low) / point.constant for point in points]
        high = [100 * (point.high - point.error) / point.constant for point in points]
        errors.errorbar(x, y, [low, high], color=look.colour, fmt="none", lw=0.9, alpha=0.6)
        shares = [math.nan if p.pairs is None else 100 * p.pairs for p in points]
        for axes, values in ((errors, y), (orders, shares)):
            axes.plot(x, values, color=look.colour, ls=look.dash, marker=look.marker, ms=6, lw=1.8)
    for axes, level in ((errors, 100), (orders, 50)):
        axes.axhline(level, color=INK, ls="--", lw=1.3)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set_xlim(sizes[0] / _MARGIN, sizes[-1] * _MARGIN)
        grid(axes)
    errors.set_ylabel("% of the mean label's error")
    errors.set_title("Error on scenarios kept aside (lower is better)", loc="left")
    orders.set_ylabel("pairs in order (%)")
    orders.set_title("Order of responses kept aside (higher is better)", loc="left")
    orders.set_xlabel("labelled scenarios to learn from")
    return figure


@plot
def reliability_plot(bins: Mapping[str, Sequence[Bin]]) -> Figure:
    """Mean label against predicted label, a panel an attribute."""
    mean = "mean label, with its 95 % interval"
    style = styles([mean])
    colour = style[mean].colour
    across = min(_ACROSS, len(bins))
    down = math.ceil(len(bins) / across)
    handles = [*lines([mean], style), dashed("score = label")]
    width = WIDTH * across / _ACROSS
    figure, panels = new_figure(
        2.75 * down, handles, down, across, width=max(width, 5.0), sharex=True, sharey=True
    )
    for axes in panels[len(bins) :]:
        axes.set_visible(False)
    for number, (axes, (name, own)) in enumerate(zip(panels, bins.items(), strict=False)):
        axes.plot([0, 1], [0, 1], color=INK, ls="--", lw=1.1)
        x, y = [one.predicted for one in own], [one.label for one in own]
        axes.errorbar(x, y, [one.half for one in own], color=colour, fmt="none", lw=1.0)
        axes.plot(x, y, color=colour, marker="o", ms=5, lw=1.6)
        axes.set_title(wrapped(name, _TITLE_CHARS, 2), loc="left")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_aspect("equal")
        axes.tick_params(labelbottom=number + across >= len(bins))
        grid(axes, "both")
        if number + across >= len(bins):
            axes.set_xlabel("predicted label")
        if number % across == 0:
            axes.set_ylabel("mean label")
    return figure
