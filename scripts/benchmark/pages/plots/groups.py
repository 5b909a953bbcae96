"""Retrieval for groups, and choosing for people and groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from msgspec import structs

from app.domain.arrays import Floats
from scripts.benchmark.pages.drawing import (
    INK,
    NO_BAR,
    WIDTH,
    Bar,
    Style,
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
from scripts.benchmark.records.group_figures import (
    Estimate,
    OpinionFigures,
    PeopleFigures,
    RetrievalFigures,
)

COVERAGE = 0.8
"""Share of ratings that intervals should hold"""


@plot
def retrieval_plot(figures: RetrievalFigures) -> Figure:
    """Mismatch by group and way to retrieve, and below it less that of the most similar example."""
    kinds = list(dict.fromkeys(row.kind for row in figures.rows))
    groups = list(dict.fromkeys(row.group for row in figures.rows))
    rows = {(row.group, row.kind): row for row in figures.rows}
    style = styles(kinds)
    figure, (above, below) = new_figure(5.2, patches(kinds, style), rows=2)
    for axes, name in ((above, "mismatch"), (below, "less_by_raters")):
        bars = {
            kind: [_bar(getattr(rows.get((group, kind)), name, None)) for group in groups]
            for kind in kinds
        }
        grouped_bars(axes, groups, bars, style, percent=False)
    above.set_ylabel("mismatch")
    below.set_ylabel("minus similar")
    below.axhline(0, color=INK, lw=0.8)
    return figure


@plot
def weights_plot(by_ratings: Mapping[str, RetrievalFigures], signs: Mapping[str, str]) -> Figure:
    """Fitted weights of each group, next to the signs (measure -> sign) of the paper."""
    groups = list(dict.fromkeys(w.group for one in by_ratings.values() for w in one.weights))
    style = styles(groups)
    figure, every = new_figure(3.0, patches(groups, style), columns=len(by_ratings), sharey=True)
    for axes, (name, one) in zip(every, by_ratings.items(), strict=True):
        bars = {
            w.group: [(getattr(w, measure), math.nan, math.nan) for measure in signs]
            for w in one.weights
        }
        grouped_bars(axes, list(signs), bars, style, percent=False)
        axes.set_xticks(
            range(len(signs)), [f"{measure}\npaper: {sign}" for measure, sign in signs.items()]
        )
        axes.axhline(0, color=INK, lw=0.8)
        axes.set_title(_title(name))
    every[0].set_ylabel("weight in the distance")
    return figure


@plot
def curve_plot(by_ratings: Mapping[str, PeopleFigures]) -> Figure:
    """Gain by the number of prompts that a person has rated, with 95 % intervals over people."""
    names = {name: f"ratings of {name}" for name in by_ratings}
    style = styles(names.values())
    figure, (axes,) = new_figure(2.9, lines(names.values(), style), width=0.75 * WIDTH)
    for name, one in by_ratings.items():
        look = style[names[name]]
        own = [point.own for point in one.curve]
        mean, low, high = _columns([point.gain for point in one.curve])
        axes.plot(own, mean, color=look.colour, marker=look.marker, ls=look.dash, lw=1.8)
        axes.fill_between(own, low, high, color=look.colour, alpha=0.15, lw=0)
    axes.axhline(0, color=INK, lw=0.8)
    axes.set_xticks(sorted({point.own for one in by_ratings.values() for point in one.curve}))
    axes.set_xlabel("prompts that the person has rated")
    axes.set_ylabel("rating points gained")
    grid(axes)
    return figure


@plot
def regret_plot(by_ratings: Mapping[str, PeopleFigures]) -> Figure:
    """Regret by way to choose: the mean over groups, and of the group that loses most."""
    series = {"mean over groups": "regret", "group that loses most": "worst"}
    style = styles(series)
    ways = list(dict.fromkeys(c.way for one in by_ratings.values() for c in one.choices))
    figure, every = new_figure(
        0.9 + 0.38 * len(ways),
        lines(series, {name: structs.replace(look, dash="") for name, look in style.items()}),
        columns=len(by_ratings),
        sharex=True,
        sharey=True,
    )
    for axes, (name, one) in zip(every, by_ratings.items(), strict=True):
        rows = np.array([ways.index(choice.way) for choice in one.choices])
        for shift, (label, field) in zip((-0.14, 0.14), series.items(), strict=True):
            _points(axes, rows + shift, [getattr(c, field) for c in one.choices], style[label])
        axes.set_yticks(range(len(ways)), [wrapped(way, 30, 2) for way in ways])
        axes.set_ylim(len(ways) - 0.5, -0.5)
        axes.set_xlabel("rating points lost")
        axes.set_title(_title(name))
        grid(axes, "x")
    every[0].set_xlim(left=min(0.0, every[0].get_xlim()[0]))
    return figure


@plot
def coverage_plot(by_ratings: Mapping[str, PeopleFigures]) -> Figure:
    """Share of new ratings in the intervals, by class and by prompts that a person has rated."""
    every_point = [point for one in by_ratings.values() for point in one.curve]
    classes = list(dict.fromkeys(name for point in every_point for name in point.by_class))
    style = styles(classes)
    handles = [*lines(classes, style), dashed(f"{100 * COVERAGE:.0f} % asked for")]
    figure, every = new_figure(2.9, handles, columns=len(by_ratings), sharey=True)
    for axes, (name, one) in zip(every, by_ratings.items(), strict=True):
        own = range(len(one.curve))
        for kind in classes:
            shares = [point.by_class.get(kind, np.nan) for point in one.curve]
            look = style[kind]
            axes.plot(
                own, shares, color=look.colour, marker=look.marker, ls=look.dash, lw=1.6, ms=5
            )
        axes.axhline(COVERAGE, color=INK, ls="--", lw=1.3)
        axes.set_xticks(own, [str(point.own) for point in one.curve])
        axes.set_xlabel("prompts that the person has rated")
        axes.set_title(_title(name))
        grid(axes)
    least = min(share for point in every_point for share in point.by_class.values())
    every[0].set_ylim(min(0.6, least - 0.05), 1.02)
    every[0].set_ylabel("share in the interval")
    return figure


@plot
def opinion_plot(figures: Sequence[OpinionFigures]) -> Figure:
    """Share of commonest answers that were predicted, by group and by what was learned from."""
    style = styles(one.learned_from for one in figures)
    groups = list(figures[0].by_group)
    figure, (axes,) = new_figure(3.2, patches(style, style))
    bars = {
        one.learned_from: [_bar(one.by_group[group], 100) for group in groups] for one in figures
    }
    grouped_bars(axes, [group.replace("_", " ") for group in groups], bars, style)
    axes.set_ylabel("predicted (%)")
    return figure


def _points(axes: Axes, places: Floats, values: Sequence[Estimate], look: Style) -> None:
    mean, low, high = _columns(values)
    axes.errorbar(
        mean,
        places,
        xerr=np.stack([mean - low, high - mean]),
        color=look.colour,
        fmt=look.marker,
        ms=5,
        elinewidth=1.2,
        capsize=2.5,
    )


def _columns(values: Sequence[Estimate]) -> tuple[Floats, Floats, Floats]:
    mean, low, high = np.array([(one.mean, one.low, one.high) for one in values]).T
    return mean, low, high


def _bar(value: Estimate | None, scale: float = 1.0) -> Bar:
    if value is None:
        return NO_BAR
    below, above = value.mean - value.low, value.high - value.mean
    if value.low == value.high:
        below = above = math.nan  # exact: no interval is drawn
    return scale * value.mean, scale * below, scale * above


def _title(name: str) -> str:
    return wrapped(f"ratings of {name}")
