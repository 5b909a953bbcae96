"""What the selected candidates are like, in polar form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from scripts.benchmark.measures.estimates import Ratio
from scripts.benchmark.measures.leaning import Leaning
from scripts.benchmark.pages.drawing import (
    INK,
    NO_BAR,
    WIDTH,
    Style,
    dashed,
    grouped_bars,
    lines,
    new_figure,
    patches,
    plot,
    ratio_bar,
    wrapped,
)


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


def _angles(count: int, spokes: int) -> list[float]:
    return [2 * math.pi * place / spokes for place in range(count)]


def _value(ratio: Ratio) -> float:
    return math.nan if ratio.value is None else ratio.value


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")


def _leaning_bound(panels: Mapping[str, Mapping[str, Sequence[Leaning]]]) -> float:
    """Radius of the polar axis: the largest leaning and a little more."""
    sizes = [
        abs(lean.difference.value)
        for runs in panels.values()
        for leanings in runs.values()
        for lean in leanings
        if lean.difference.value is not None
    ]
    return max(0.1, math.ceil(max(sizes, default=0.0) * 1.1 * 20) / 20)
