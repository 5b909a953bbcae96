"""What the selected candidates are like."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.measures.leaning import Leaning, leaning
from scripts.benchmark.pages.parts.content import Cell, Part, Picture, Styles, Table
from scripts.benchmark.pages.parts.target_sets import absence_note, best_set, has_set
from scripts.benchmark.pages.parts.text import (
    DASH,
)
from scripts.benchmark.pages.plots.leaning import leaning_plot


def leaning_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    kinds = (("high",), ("low",), ("all", "sampled"))
    chosen = [best_set(runs, lambda e, t: bool(e.answered), kind) for kind in kinds]
    attributes = list(dict.fromkeys(name for e in runs for name in e.run.attributes))
    panels: dict[str, dict[str, tuple[Leaning, ...]]] = {}
    for name in dict.fromkeys(name for name in chosen if name):
        leanings = {
            e.title: leaning(e.answered, name, attributes) for e in runs if has_set(e, name)
        }
        leanings = {
            t: leans for t, leans in leanings.items() if any(x.selected.parts for x in leans)
        }
        if leanings:
            panels[name] = leanings
    if not panels or not attributes:
        return None
    tables = tuple(
        Table(
            f"Leaning on the {name} targets: mean label of the selected candidate minus the mean "
            "label of all candidates ± standard error over scenarios; below, the mean label of the "
            f"selected.{absence_note(runs, name)}",
            ("run", *attributes),
            tuple(
                (Cell(title), *map(_leaning_cell, leans)) for title, leans in panels[name].items()
            ),
            folded=f"Figures on the {name} targets",
        )
        for name in panels
    )
    picture = Picture(
        leaning_plot(panels, style),
        "Outside the dashed circle a run selects candidates that have more of the attribute than "
        "the average candidate, inside less: a method that follows targets is outside for high "
        "and inside for low targets, one that does not follow them keeps its shape."
        + absence_note(runs, *panels),
    )
    return Part(f"{prefix}-leaning", "Leaning", tables, picture)


def _leaning_cell(lean: Leaning) -> Cell:
    if lean.difference.value is None or lean.selected.value is None:
        return Cell(DASH)
    text = f"{lean.difference.value:+.3f}".replace("-", "−")
    error = "" if lean.difference.error is None else f" ± {lean.difference.error:.3f}"
    return Cell(text + error, (f"label {lean.selected.value:.3f}",))
