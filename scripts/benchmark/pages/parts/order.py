"""What the order of candidates changes."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.pages.parts.content import Cell, Part, Styles, Table
from scripts.benchmark.pages.parts.text import (
    DASH,
    ratio_text,
)


def order_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part | None:
    sets = list(dict.fromkeys(name for e in runs for name in e.flips))
    if not sets:
        return None
    table = Table(
        "Share of selections in % that change when the candidates are shown in reverse order, ± "
        "standard error over scenarios: 0 for a judge without position bias.",
        ("run", "scenarios", *sets),
        tuple(
            (
                Cell(e.title),
                Cell(str(max(flips.scenarios for flips in e.flips.values()))),
                *(Cell(ratio_text(e.flips[n]) if n in e.flips else DASH) for n in sets),
            )
            for e in runs
            if e.flips
        ),
    )
    return Part(f"{prefix}-order", "Order of candidates", (table, *_bias_table(runs)))


def _bias_table(runs: Sequence[Evaluated]) -> tuple[Table, ...]:
    names = list(dict.fromkeys(name for e in runs for name in e.biases))
    if not names:
        return ()
    rows = tuple(
        (
            Cell(e.title),
            *(
                Cell(ratio_text(e.biases[n], scale=1, digits=3) if n in e.biases else DASH)
                for n in names
            ),
        )
        for e in runs
        if e.biases
    )
    caption = (
        "Position bias: how much a score changes when its candidate moves from the first place in "
        "the prompt to the last, ± standard error over scenarios. Scores go from 0 to 1, (choice) "
        "is a share of votes; positive where later candidates score higher."
    )
    return (Table(caption, ("run", *names), rows),)
