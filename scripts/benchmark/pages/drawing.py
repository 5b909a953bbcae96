"""Parts of plots: colours and signs, bars, legends, and SVG for any page.

Text is drawn as paths and in `currentColor`, so that a plot looks the same everywhere and follows a
dark page.
"""

from __future__ import annotations

import functools
import io
import math
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from msgspec import Struct

from scripts.benchmark.measures.accuracy import Accuracy
from scripts.benchmark.measures.estimates import NORMAL_95, Ratio

INK = "#010203"
"""Stands for `currentColor` until the SVG is written."""

WIDTH = 8.6
"""Inches that a plot is wide."""

NAME_WIDTH = 38
"""Characters of a run's name in a line of a legend."""

RUN_WIDTH = 0.85
"""Share of a category's width that its bars take."""

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11.0,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "hatch.linewidth": 0.4,
}


class Style(Struct, frozen=True):
    """How a run is drawn in every plot: colour, and a sign for readers who do not see colours."""

    colour: str
    marker: str
    dash: Any
    hatch: str


# Okabe and Ito's palette without black and yellow, then tones from Paul Tol's "muted" one.
COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00",
    "#AA4499", "#999933", "#6F63BB", "#882255", "#44AA99", "#7F7F7F",
)  # fmt: skip
MARKERS = "osD^vPX<>phd"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
HATCHES = ("", "//", "\\\\", "xx", "--")

PREFERRED = {
    "comparative, few-shot": 0,
    "prompt_aligned, zero-shot": 1,
    "regression, few-shot": 2,
    "unaligned": 3,
    "comparative, zero-shot": 4,
    "reward_model": 5,
    "kaleido": 6,
    "prompt_aligned, few-shot": 7,
    "oracle": 8,
    "regression, zero-shot": 10,
    "random": 11,
}
"""Run title -> its place in the palette, so that a method looks the same in all reports."""


def styles(titles: Iterable[str]) -> dict[str, Style]:
    """A style for each run title: the method's own where it is known and free, else the next.

    Brackets at the end of a title are not part of the method's name.
    """
    names = list(dict.fromkeys(titles))
    wanted: dict[str, int] = {}
    for name in names:
        place = PREFERRED.get(name.partition(" (")[0])
        if place is not None and place not in wanted.values():
            wanted[name] = place
    free = (i for i in range(len(names) + len(COLOURS)) if i not in wanted.values())
    return {name: _style(wanted[name] if name in wanted else next(free)) for name in names}


def _style(place: int) -> Style:
    return Style(
        colour=COLOURS[place % len(COLOURS)],
        marker=MARKERS[place % len(MARKERS)],
        dash=DASHES[place % len(DASHES)],
        hatch=HATCHES[(place + place // len(COLOURS)) % len(HATCHES)],
    )


# From figures to SVG

Arguments = ParamSpec("Arguments")


def plot(draw: Callable[Arguments, Figure]) -> Callable[Arguments, str]:
    """Make a function that draws a figure answer its SVG, drawn under `SETTINGS`."""

    @functools.wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> str:
        with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of glyphs that the font lacks: a box is drawn
            return _svg(draw(*args, **kwargs), draw.__name__)

    return drawn


def _svg(figure: Figure, name: str) -> str:
    """The SVG of a figure; the same figure of the same name gives the same text."""
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = re.sub(
        r"<metadata>.*?</metadata>|<!--.*?-->|<!DOCTYPE[^>]*>", "", text.getvalue(), flags=re.S
    )
    svg = svg.replace(INK, "currentColor")
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def on_white(svg: str) -> str:
    """A picture for pages of any colour: an image knows nothing of the text around it."""
    return svg.replace("<svg ", '<svg style="background: #ffffff; color: #1a1a1a" ', 1)


def compact(svg: str) -> str:
    """The same picture in fewer bytes: no indentation, coordinates to a tenth of a point."""

    def rounded(number: re.Match[str]) -> str:
        value = float(number[0])
        return number[0] if abs(value) < 1 else f"{value:.1f}".removesuffix(".0")

    lines = (line.strip() for line in svg.splitlines())
    svg = "\n".join(lines).replace("DejaVuSans-", "g")
    svg = re.sub(r"-?\d+\.\d{2,}", rounded, svg)
    return re.sub(r"(?<=\n)([MLQCz]) ?(?=[-\d\n\"]|$)", r"\1", svg)


def inline(svg: str, prefix: str, label: str) -> Markup:
    """A plot as part of an HTML document: no prolog, no namespaces, ids that begin with `prefix`.

    Several plots of one page need different prefixes. `label` is the description
    for readers who cannot see the plot.
    """
    svg = re.sub(r"<\?xml.*?\?>", "", svg, flags=re.S)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\g<1>#{prefix}-", svg)
    attributes = f'role="img" aria-label="{escape(label)}"'
    return Markup(svg.replace("<svg", f"<svg {attributes}", 1).strip())


def new_figure(
    height: float,
    handles: Sequence[Any],
    rows: int = 1,
    columns: int = 1,
    width: float = WIDTH,
    **options: Any,
) -> tuple[Figure, list[Any]]:
    """A figure with axes from top left to bottom right, and a legend below them."""
    names = [wrapped(str(handle.get_label())) for handle in handles]
    longest = max((len(line) for name in names for line in name.split("\n")), default=1)
    across = max(1, min(len(names), int(width / (0.075 * longest + 0.6))))
    down = sum(
        max(name.count("\n") + 1 for name in names[at : at + across])
        for at in range(0, len(names), across)
    )
    figure = Figure(figsize=(width, height + 0.2 * down), layout="constrained")
    FigureCanvasSVG(figure)
    engine: Any = figure.get_layout_engine()
    engine.set(wspace=0.06, hspace=0.06)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    if handles:
        figure.legend(
            _by_rows(handles, across),
            _by_rows(names, across),
            loc="outside lower center",
            ncols=across,
        )
    return figure, list(axes.flat)


def _by_rows(items: Sequence[Any], columns: int) -> list[Any]:
    """Items in the order in which a legend that fills columns first shows them row by row."""
    return [item for column in range(columns) for item in items[column::columns]]


# Parts of plots


Bar = tuple[float, float, float]
"""A height, and how far its interval reaches below and above."""

NO_BAR: Bar = (math.nan, 0.0, 0.0)
"""Leaves a gap."""


def accuracy_bar(accuracy: Accuracy) -> Bar:
    """Mean and interval in percent."""
    if accuracy.mean is None:
        return NO_BAR
    low, high = accuracy.interval or (accuracy.mean, accuracy.mean)
    return 100 * accuracy.mean, 100 * (accuracy.mean - low), 100 * (high - accuracy.mean)


def ratio_bar(ratio: Ratio, scale: float = 1.0) -> Bar:
    """Value and 95 % interval, `scale` times."""
    if ratio.value is None:
        return NO_BAR
    half = scale * NORMAL_95 * (ratio.error or 0.0)
    return scale * ratio.value, half, half


def grouped_bars(
    axes: Axes,
    categories: Sequence[str],
    values: Mapping[str, Sequence[Bar]],
    style: Mapping[str, Style],
    *,
    percent: bool = True,
) -> None:
    """Bars of each run side by side within each category, in the units of the axis."""
    places = np.arange(len(categories))
    width = RUN_WIDTH / max(len(values), 1)
    for number, (title, bars) in enumerate(values.items()):
        height, below, above = (np.array(column) for column in zip(*bars, strict=True))
        axes.bar(
            places - RUN_WIDTH / 2 + width * (number + 0.5),
            height,
            min(width * 0.92, 0.3),
            color=style[title].colour,
            hatch=style[title].hatch,
            edgecolor=INK,
            linewidth=0.4,
            yerr=np.stack([below, above]),
            error_kw={"elinewidth": 1.2, "capsize": min(3.0, 24 * width), "ecolor": INK},
        )
    axes.set_xticks(
        places, [wrapped(name, max(10, 70 // max(len(places), 1)), 2) for name in categories]
    )
    axes.set_xlim(-0.6, len(categories) - 0.4)
    axes.tick_params(axis="x", length=0)
    if percent:
        axes.set_ylim(0, 100)
        axes.set_yticks(range(0, 101, 25))
    grid(axes)


def grid(axes: Axes, axis: Any = "y") -> None:
    """Faint lines behind the plot, and only the two spines that carry a scale."""
    axes.grid(axis=axis, color=INK, alpha=0.15, lw=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_alpha(0.5)


def wrapped(name: str, width: int = NAME_WIDTH, lines: int = 3) -> str:
    """A name in at most `lines` lines; longer ones end in an ellipsis."""
    text = "".join(c if c.isprintable() else " " for c in name)
    wrapped = textwrap.wrap(text, width, max_lines=lines, placeholder=" …") or ["?"]
    return "\n".join(wrapped)


def patches(titles: Iterable[str], style: Mapping[str, Style]) -> list[Any]:
    """Legend entries of runs that are drawn as bars."""
    return [
        Patch(facecolor=style[t].colour, hatch=style[t].hatch, edgecolor=INK, lw=0.4, label=t)
        for t in titles
    ]


def lines(titles: Iterable[str], style: Mapping[str, Style]) -> list[Any]:
    """Legend entries of runs that are drawn as lines."""
    return [
        Line2D(
            [], [], color=style[t].colour, ls=style[t].dash, marker=style[t].marker, lw=1.8, label=t
        )
        for t in titles
    ]


def dashed(label: str) -> Line2D:
    """The legend entry of a dashed line: chance, or another value to compare with."""
    return Line2D([], [], color=INK, ls="--", lw=1.3, label=label)
