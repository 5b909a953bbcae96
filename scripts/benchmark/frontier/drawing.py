"""Accuracy against cost: a table of all runs, and a picture for each target set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark.frontier.runs import frontiers_of, picture
from scripts.benchmark.frontier.table import table
from scripts.benchmark.pages import drawing
from scripts.benchmark.records.grouping import NamedRun, slug


def draw(runs: Sequence[NamedRun], out: Path, wanted: Sequence[str] | None = None) -> str:
    """Write `frontier.md` and the pictures into `out`; the text of the former, and where they are.

    `wanted` are names of target sets, all if not given. Raises ValueError for one that no run has.
    """
    frontiers = frontiers_of(runs)
    known = dict.fromkeys(name for one in frontiers for name in one.sets)
    sets = list(wanted or known)
    if missing := [name for name in sets if name not in known]:
        raise ValueError(f"no run has the targets {missing[0]!r}: {', '.join(sorted(known))}")
    out.mkdir(parents=True, exist_ok=True)
    tables: list[str] = []
    for number, one in enumerate(frontiers, start=1):
        own = [name for name in sets if name in one.sets]
        tables.append(table(one, own))
        for name in own:
            path = out / f"frontier-{number}-{slug(one.key.title)}-{slug(name)}.svg"
            path.write_text(drawing.on_white(picture(one, name)), "utf-8")
    text = "\n\n".join(tables) + "\n"
    (out / "frontier.md").write_text(text, "utf-8")
    return f"{text}\n{out}/frontier.md, {out}/frontier-*.svg"
