"""Accuracy against cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from msgspec import Struct

from scripts.benchmark.measures.accuracy import Accuracy
from scripts.benchmark.pages.drawing import (
    INK,
    Style,
    accuracy_bar,
    dashed,
    grid,
    new_figure,
    plot,
    wrapped,
)

BESIDE = 0.02
"""Share of the axis by which calibrated points are shifted from raw ones of the same cost, so that
both intervals show."""

LEAST_SPAN = 4.0
"""Least ratio of the ends of an axis of costs: a narrower one would exaggerate differences."""

FREE = "features only"
"""The mode that asks no model: a line, not a point."""


class FrontierPoint(Struct, frozen=True):
    """Accuracy and cost of one mode."""

    accuracy: Accuracy
    tokens: float | None
    """Prompt and output tokens a scenario without those that the engine's prefix cache has; None
    where no model is asked. Of methods that read the target, each of its targets."""
    seconds: float | None
    """Seconds of the model a scenario; None where not measured."""
    is_free: bool = False
    """Whether no model is asked at all."""


@plot
def frontier_plot(
    points: Mapping[str, Mapping[str, FrontierPoint]], style: Mapping[str, Style], target_set: str
) -> Figure:
    """Accuracy against the cost of a scenario: tokens, and seconds where they are known.

    `points` is mode -> `raw` or `calibrated` -> point. Raw and calibrated have the same cost; an
    arrow joins them. Modes whose cost is not known are named below the panel.
    """
    timed = any(p.seconds is not None for by_kind in points.values() for p in by_kind.values())
    figure, panels = new_figure(
        4.0,
        [*_markers(points, style), dashed("surface features alone")],
        1,
        1 + timed,
        sharey=True,
    )
    units = (
        ("tokens computed a scenario", "not counted", attrgetter("tokens")),
        ("seconds a scenario", "not timed", attrgetter("seconds")),
    )
    for axes, (unit, lacking, cost_of) in zip(panels, units, strict=False):
        costs = {mode: [cost_of(p) for p in by_kind.values()] for mode, by_kind in points.items()}
        limits = _cost_limits([x for known in costs.values() for x in known if x is not None])
        _scale(axes, limits)
        for mode, by_kind in points.items():
            _draw_mode(axes, costs[mode], by_kind, style[mode], limits)
        absent = [
            mode
            for mode, known in costs.items()
            if set(known) == {None} and not any(p.is_free for p in points[mode].values())
        ]
        note = wrapped(f"{lacking}: {'; '.join(absent)}", 56) if absent else ""
        axes.set_xlabel(f"{unit}\n{note}".strip())
    panels[0].set_ylabel(f"accuracy (%) on {target_set}")
    return figure


def _draw_mode(
    axes: Axes,
    costs: Sequence[float | None],
    points: Mapping[str, FrontierPoint],
    look: Style,
    limits: tuple[float, float],
) -> None:
    """A point for each kind of scores, and an arrow from raw to calibrated; a line if free."""
    low, high = limits
    ends: list[tuple[float, float]] = []
    for cost, (kind, point) in zip(costs, points.items(), strict=True):
        height, below, above = accuracy_bar(point.accuracy)
        if point.is_free:
            axes.axhline(height, color=INK, ls="--", lw=1.3)
            axes.axhspan(height - below, height + above, color=INK, alpha=0.06, lw=0)
            continue
        if cost is None:
            continue
        place = cost * (high / low) ** BESIDE if kind == "calibrated" else cost
        axes.errorbar(
            place, height, ([below], [above]), color=look.colour, fmt=look.marker, ms=8,
            mfc=look.colour if kind == "calibrated" else "white", lw=0.9,
        )  # fmt: skip
        ends.append((place, height))
    if len(ends) == 2:
        arrow = {"arrowstyle": "->", "color": look.colour, "alpha": 0.6, "shrinkA": 6}
        axes.annotate("", ends[1], ends[0], arrowprops=arrow)


def _scale(axes: Axes, limits: tuple[float, float]) -> None:
    """A logarithmic axis of costs, with plain numbers."""
    low, high = limits
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    wide = high / low > 10
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if wide else (1, 2, 3, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    grid(axes)


def _cost_limits(costs: Sequence[float]) -> tuple[float, float]:
    """Ends of a logarithmic axis with a margin, at least `LEAST_SPAN` apart."""
    if not costs:
        return 1.0, LEAST_SPAN
    middle = math.sqrt(min(costs) * max(costs))
    half = max(math.sqrt(LEAST_SPAN), (max(costs) / min(costs)) ** 0.62)
    return middle / half, middle * half


def _markers(titles: Iterable[str], style: Mapping[str, Style]) -> list[Any]:
    kinds = (("raw", "white"), ("calibrated", INK))
    return [
        Line2D([], [], color=style[t].colour, ls="", marker=style[t].marker, ms=8, label=t)
        for t in titles
        if t != FREE
    ] + [
        Line2D([], [], color=INK, mfc=fill, ls="", marker="o", ms=8, label=name)
        for name, fill in kinds
    ]
