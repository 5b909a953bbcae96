"""Plots of evaluation results as SVG: accuracy, leaning, errors of scores and cost.

Each function takes numbers and answers a complete SVG document as a string.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter
from msgspec import Struct

from scripts.benchmark.measures.certainty import Certainty
from scripts.benchmark.measures.metrics import (
    NORMAL_95,
    Accuracy,
    AttributeQuality,
    Cost,
    Leaning,
    Ratio,
)
from scripts.benchmark.pages.drawing import (
    INK,
    NO_BAR,
    RUN_WIDTH,
    WIDTH,
    Bar,
    Style,
    accuracy_bar,
    dashed,
    grid,
    grouped_bars,
    lines,
    new_figure,
    patches,
    plot,
    ratio_bar,
    wrapped,
)

MOST_BANDS = 3
"""Runs whose intervals are drawn as bands; those of more runs would hide each other."""

BESIDE = 0.02
"""Share of the axis by which calibrated points stand beside the raw ones of the same cost, so that
both intervals show; of the picture, not of the cost, which would be a difference in cost."""

LEAST_SPAN = 4.0
"""How many times its left end the right end of an axis of costs is at least: twice and half of what
a single mode takes. A narrower one would make much of nothing."""

FREE = "features only"
"""The mode of a frontier that takes no model: a line, not a point."""


class FrontierPoint(Struct, frozen=True):
    """What one mode reaches, and what it takes."""

    accuracy: Accuracy
    tokens: float | None
    """Prompt and output tokens a scenario without those that the engine's prefix cache has; None
    where no model is asked. Of methods that read the target, each of its targets."""
    seconds: float | None
    """The same, when the model has nothing else to do; None where not measured."""
    is_free: bool = False
    """Whether no model is asked at all."""


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


@plot
def leaning_plot(
    panels: Mapping[str, Mapping[str, Sequence[Leaning]]], style: Mapping[str, Style]
) -> Figure:
    """Leaning by attribute in polar form, one panel a target set (figure 7).

    `panels` is target set -> run title -> one leaning an attribute, the same attributes everywhere.
    The dashed circle is a selection without preference. A polar plot of fewer than three attributes
    has no area: bars are drawn instead.
    """
    titles = list(dict.fromkeys(title for runs in panels.values() for title in runs))
    names = [lean.attribute for lean in next(iter(next(iter(panels.values())).values()))]
    if len(names) < 3:
        return _leaning_bars(panels, titles, names, style)
    columns = min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    figure, axes = new_figure(
        3.4 * rows,
        [*lines(titles, style), dashed("no preference")],
        rows,
        columns,
        width=12.0 if columns == 3 else WIDTH,
        subplot_kw={"projection": "polar"},
    )
    bound = _leaning_bound(panels)
    for place, (name, runs) in zip(axes, panels.items(), strict=False):
        _leaning_panel(place, names, bound, title=f"{name} targets")
        for title, leanings in runs.items():
            values = [_value(lean.difference) for lean in leanings]
            look = style[title]
            place.plot(
                _angles(len(names) + 1, len(names)),
                [*values, values[0]],
                color=look.colour,
                ls=look.dash,
                marker=look.marker,
                ms=4.5,
                lw=1.6,
            )
    for unused in axes[len(panels) :]:
        unused.set_visible(False)
    return figure


def _leaning_panel(axes: Any, names: Sequence[str], bound: float, title: str) -> None:
    """The empty polar plot: a spoke an attribute, rings from -bound to bound, zero dashed."""
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    axes.plot(np.linspace(0, 2 * math.pi, 200), np.zeros(200), color=INK, ls="--", lw=1.2)
    axes.set_ylim(-bound, bound)
    rings = (-bound / 2, 0.0, bound / 2)
    axes.set_yticks(rings, [_signed(r) if r else "0" for r in rings], fontsize=7.5)
    axes.set_rlabel_position(180 / len(names))
    axes.set_xticks(_angles(len(names), len(names)), [wrapped(n, 12, 2) for n in names])
    for label, angle in zip(axes.get_xticklabels(), _angles(len(names), len(names)), strict=True):
        side = math.sin(angle)
        label.set_horizontalalignment(
            "center" if abs(side) < 0.2 else "left" if side > 0 else "right"
        )
        label.set_fontsize(8.5)
    axes.tick_params(axis="x", pad=1)
    axes.set_title(title, pad=10)
    axes.grid(color=INK, alpha=0.18, lw=0.6)
    axes.spines["polar"].set_alpha(0.35)


def _leaning_bars(
    panels: Mapping[str, Mapping[str, Sequence[Leaning]]],
    titles: Sequence[str],
    names: Sequence[str],
    style: Mapping[str, Style],
) -> Figure:
    places = [(target_set, place) for target_set in panels for place in range(len(names))]
    values = {
        title: [
            ratio_bar(panels[s][title][n].difference) if title in panels[s] else NO_BAR
            for s, n in places
        ]
        for title in titles
    }
    figure, (axes,) = new_figure(3.6, patches(titles, style))
    grouped_bars(
        axes, [f"{names[n]}, {s} targets" for s, n in places], values, style, percent=False
    )
    axes.axhline(0, color=INK, ls="--", lw=1.3)
    axes.set_ylabel("selected label − mean label")
    return figure


@plot
def quality_plot(
    qualities: Mapping[str, Sequence[AttributeQuality]], style: Mapping[str, Style]
) -> Figure:
    """Mean absolute error and pairwise accuracy of each attribute's scores, with 95 % intervals.

    `qualities` is run title -> one quality an attribute.
    """
    names = list(dict.fromkeys(q.attribute for found in qualities.values() for q in found))
    figure, (errors, orders) = new_figure(5.6, [*patches(qualities, style), dashed("chance")], 2)

    def bars(pick: Callable[[AttributeQuality], Ratio], scale: float) -> dict[str, list[Bar]]:
        found = {title: {q.attribute: q for q in every} for title, every in qualities.items()}
        return {
            title: [ratio_bar(pick(by_name[n]), scale) if n in by_name else NO_BAR for n in names]
            for title, by_name in found.items()
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


@plot
def cost_plot(costs: Mapping[str, Cost], style: Mapping[str, Style]) -> Figure:
    """Mean tokens and seconds a scenario, a row a run (table 9).

    `costs` is run title -> cost. Without any seconds only tokens are drawn. Rows of methods that
    are asked for each target say so.
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


@plot
def certainty_plot(certainties: Mapping[str, Certainty], style: Mapping[str, Style]) -> Figure:
    """Share correct against probability, a point a decile with its 95 % interval.

    `certainties` is run title -> certainty. On the diagonal probabilities are honest.
    """
    handles = [*lines(certainties, style), dashed("honest")]
    figure, (axes,) = new_figure(4.2, handles, width=0.75 * WIDTH)
    axes.fill_between([0, 1], [-0.05, 0.95], [0.05, 1.05], color=INK, alpha=0.07, lw=0)
    axes.plot([0, 1], [0, 1], color=INK, ls="--", lw=1.3)
    for title, found in certainties.items():
        look = style[title]
        x = [decile.probability for decile in found.deciles]
        y = [decile.correct for decile in found.deciles]
        half = [NORMAL_95 * decile.error for decile in found.deciles]
        axes.errorbar(x, y, half, color=look.colour, fmt="none", lw=0.9, alpha=0.75)
        axes.plot(x, y, color=look.colour, ls=look.dash, marker=look.marker, ms=6, lw=1.8)
    lowest = min(
        min(decile.probability, decile.correct)
        for found in certainties.values()
        for decile in found.deciles
    )
    axes.set_xlim(max(0.0, lowest - 0.08), 1.02)
    axes.set_ylim(max(0.0, lowest - 0.08), 1.02)
    axes.set_xlabel("probability of the selected candidate")
    axes.set_ylabel("share that is correct")
    grid(axes)
    return figure


@plot
def frontier_plot(
    points: Mapping[str, Mapping[str, FrontierPoint]], style: Mapping[str, Style], target_set: str
) -> Figure:
    """Accuracy against what a scenario costs: in tokens, and in seconds where they are known.

    `points` is mode -> `raw` or `calibrated` -> point. Raw and calibrated have one cost: an arrow
    leads from one to the other. Modes whose cost is not known are named below the panel.
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
        low, high = _cost_limits([x for found in costs.values() for x in found if x is not None])
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        absent = [
            mode
            for mode, found in costs.items()
            if set(found) == {None} and not any(p.is_free for p in points[mode].values())
        ]
        for mode, by_kind in points.items():
            look = style[mode]
            ends: list[tuple[float, float]] = []
            for x, (kind, point) in zip(costs[mode], by_kind.items(), strict=True):
                bar = accuracy_bar(point.accuracy)
                if point.is_free:
                    axes.axhline(bar[0], color=INK, ls="--", lw=1.3)
                    axes.axhspan(bar[0] - bar[1], bar[0] + bar[2], color=INK, alpha=0.06, lw=0)
                    continue
                if x is None:
                    continue
                place = x * (high / low) ** BESIDE if kind == "calibrated" else x
                axes.errorbar(
                    place, bar[0], ([bar[1]], [bar[2]]), color=look.colour, fmt=look.marker, ms=8,
                    mfc=look.colour if kind == "calibrated" else "white", lw=0.9,
                )  # fmt: skip
                ends.append((place, bar[0]))
            if len(ends) == 2:
                arrow = {"arrowstyle": "->", "color": look.colour, "alpha": 0.6, "shrinkA": 6}
                axes.annotate("", ends[1], ends[0], arrowprops=arrow)
        wide = high / low > 10
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if wide else (1, 2, 3, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        more = wrapped(f"{lacking}: {'; '.join(absent)}", 56) if absent else ""
        axes.set_xlabel(f"{unit}\n{more}".strip())
        grid(axes)
    panels[0].set_ylabel(f"accuracy (%) on {target_set}")
    return figure


def _cost_limits(costs: Sequence[float]) -> tuple[float, float]:
    """Ends of a logarithmic axis with room beside the costs, at least `LEAST_SPAN` apart."""
    if not costs:
        return 1.0, LEAST_SPAN
    middle = math.sqrt(min(costs) * max(costs))
    half = max(math.sqrt(LEAST_SPAN), (max(costs) / min(costs)) ** 0.62)
    return middle / half, middle * half


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


def _mean_chance(found: Iterable[Accuracy]) -> float:
    """Chance of several runs in percent: they differ only where selections are missing."""
    chances = [a.chance for a in found if a.chance is not None]
    return 100 * sum(chances) / len(chances) if chances else math.nan


def _angles(count: int, spokes: int) -> list[float]:
    return [2 * math.pi * place / spokes for place in range(count)]


def _value(found: Ratio) -> float:
    return math.nan if found.value is None else found.value


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")


def _leaning_bound(panels: Mapping[str, Mapping[str, Sequence[Leaning]]]) -> float:
    """Radius of the polar axis: the largest leaning and a little more."""
    found = [
        abs(lean.difference.value)
        for runs in panels.values()
        for leanings in runs.values()
        for lean in leanings
        if lean.difference.value is not None
    ]
    return max(0.1, math.ceil(max(found, default=0.0) * 1.1 * 20) / 20)


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
