"""Two runs on the same scenarios and targets: the difference of their accuracies."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from scripts.benchmark.measures.difference import Difference, paired_difference
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.results import Results, TargetSet


class NotComparable(ValueError):
    """The runs share no scenario or target set, or have different targets or labels."""


class Compared(Struct, frozen=True):
    """Two runs on one target set."""

    target_set: str
    targets: int
    difference: Difference


def compare_results(
    a: Results,
    b: Results,
    target_sets: Sequence[str] | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Compared]:
    """Differences in accuracy, B minus A, one a target set. Raises `NotComparable`."""
    shared = {s.id for s in a.answered} & {s.id for s in b.answered}
    if not shared:
        raise NotComparable("the runs have no answered scenario in common")
    labels = {s.id: s.labels for s in a.answered}
    if other := [s.id for s in b.answered if s.id in shared and s.labels != labels[s.id]]:
        raise NotComparable(f"the labels of {len(other)} scenarios differ, as of {other[0]!r}")
    compared = []
    for target_set in _shared_sets(a, b, target_sets or ()):
        left, right = (
            pairs_of([s for s in results.answered if s.id in shared], target_set)
            for results in (a, b)
        )
        try:
            difference = paired_difference(left, right, resamples=resamples, seed=seed)
        except ValueError as error:
            raise NotComparable(f"target set {target_set.name!r}: {error}") from error
        compared.append(Compared(target_set.name, len(target_set), difference))
    return compared


def _shared_sets(a: Results, b: Results, names: Sequence[str]) -> list[TargetSet]:
    """The target sets to compare on, in the order of the first run. Raises `NotComparable`."""
    first = {t.name: t for t in a.run.target_sets}
    second = {t.name: t for t in b.run.target_sets}
    missing = [name for name in names if name not in first or name not in second]
    if missing:
        raise NotComparable(f"not both runs have the target sets {', '.join(missing)}")
    chosen = [t for t in first.values() if t.name in (names or second)]
    chosen = [t for t in chosen if t.name in second]
    if not chosen:
        raise NotComparable("the runs have no target set in common")
    for target_set in chosen:
        if target_set != second[target_set.name]:
            raise NotComparable(f"the {target_set.name!r} targets of the runs are not the same")
    return chosen
