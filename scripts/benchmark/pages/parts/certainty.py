"""How honest the probabilities of selections are."""

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
    # The set with most pairs: deciles of few pairs tell little.
    name = max(sets, key=lambda s: sum(e.certainties[s].pairs for e in runs if s in e.certainties))
    told = {e.title: e.certainties[name] for e in runs if name in e.certainties}
    picture = Picture(
        certainty_plot(told, style),
        f"Selections for the targets \u201c{name}\u201d, by how sure the service is of them, in "
        "ten parts of equal size: on the dashed line probabilities are what is observed, in the "
        "grey band they are within 5 points; thin lines are 95\u00a0% intervals over scenarios.",
    )
    rows = tuple(
        (
            name_cell(e),
            Cell(set_name),
            Cell(str(found.pairs)),
            Cell(percent(found.worst)),
            Cell(percent(found.correct)),
            Cell(percent(found.correct_of_surest)),
        )
        for e in runs
        for set_name, found in e.certainties.items()
    )
    table = Table(
        "Share of pairs that is correct in %, over all pairs alike (so not quite the accuracy "
        "above, a mean over targets); and when the fifth that is least sure is not selected.",
        ("run", "targets", "pairs", "largest gap of a tenth", "correct", "of the surest 80 %"),
        rows,
    )
    return Part(f"{prefix}-certainty", "Probabilities", (table,), picture)
