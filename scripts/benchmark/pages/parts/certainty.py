"""Calibration of the probabilities of selections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Styles, Table
from scripts.benchmark.pages.parts.text import (
    name_cell,
    percent,
)
from scripts.benchmark.pages.plots.certainty import certainty_plot


def certainty_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    sets = Counter(name for e in runs for name in e.certainties)
    if not sets:
        return None
    # The set with most pairs: deciles of few pairs are noise.
    name = max(sets, key=lambda s: sum(e.certainties[s].pairs for e in runs if s in e.certainties))
    shown = {e.title: e.certainties[name] for e in runs if name in e.certainties}
    picture = Picture(
        certainty_plot(shown, style),
        f"Selections for the targets \u201c{name}\u201d, by their probability, in "
        "ten parts of equal size: on the dashed line the probability equals the share that is "
        "correct, in the grey band it is within 5 points; thin lines are 95\u00a0% intervals "
        "over scenarios.",
    )
    rows = tuple(
        (
            name_cell(e),
            Cell(set_name),
            Cell(str(measured.pairs)),
            Cell(percent(measured.worst)),
            Cell(percent(measured.correct)),
            Cell(percent(measured.correct_of_likeliest)),
        )
        for e in runs
        for set_name, measured in e.certainties.items()
    )
    table = Table(
        "Share of pairs that is correct in %, over all pairs alike (so not quite the accuracy "
        "above, a mean over targets); and without the fifth that has the lowest probabilities.",
        ("run", "targets", "pairs", "largest gap of a tenth", "correct", "of the likeliest 80 %"),
        rows,
    )
    return Part(f"{prefix}-certainty", "Probabilities", (table,), picture)
