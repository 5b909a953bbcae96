"""Which target set a part shows, and which runs lack it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.records.results import TargetSet


def best_set(
    runs: Sequence[Evaluated],
    fits: Callable[[Evaluated, TargetSet], bool],
    kinds: Sequence[str],
) -> str | None:
    """Name of the best target set of these kinds to draw; None if no run has one.

    Preferred are sets that at least two runs have, then the earliest kind, then the most targets: a
    mean over few targets is noise.
    """
    candidates = [
        (kind, t)
        for kind in kinds
        for e in runs
        for t in e.run.target_sets
        if t.kind == kind and fits(e, t)
    ]
    count = Counter(t.name for _, t in candidates)
    best = max(
        candidates,
        key=lambda one: (count[one[1].name] > 1, -kinds.index(one[0]), len(one[1])),
        default=None,
    )
    return best[1].name if best else None


def absence_note(runs: Sequence[Evaluated], *target_sets: str) -> str:
    """A sentence for each target set that some runs lack."""
    note = ""
    for name in target_sets:
        if without := [e.title for e in runs if not has_set(e, name)]:
            note += f" Not asked for the {name} targets: {'; '.join(without)}."
    return note


def has_set(evaluated: Evaluated, target_set: str) -> bool:
    return target_set in evaluated.accuracies
