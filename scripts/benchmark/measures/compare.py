"""Two runs on the same scenarios and targets: the difference of their accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from scripts.benchmark.measures.difference import Difference, Verdict, paired_difference
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.results import Results, TargetSet

VERDICTS: dict[Verdict, str] = {
    "better": "B is better: the difference is real at 95 %",
    "worse": "B is worse: the difference is real at 95 %",
    "unclear": "no clear difference",
}

FEW_SCENARIOS = 30
"""Below so many scenarios bootstrap intervals come out too narrow."""


class NotComparable(ValueError):
    """The runs share no scenario or target set, or have different targets or labels."""


class Compared(Struct, frozen=True):
    """Two runs on one target set."""

    target_set: str
    targets: int
    difference: Difference


def compare(
    a: Path,
    b: Path,
    target_sets: Sequence[str] | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> str:
    """Compare the runs in folders `a` and `b` as Markdown.

    `target_sets` are names of sets that both runs have (default: all of them). Raises
    `NotComparable`, and like `read_results`.
    """
    first, second = read_results(a), read_results(b)
    compared = compare_results(first, second, target_sets, resamples=resamples, seed=seed)
    return describe(first, second, compared, names=(a.name, b.name), resamples=resamples)


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


def describe(
    a: Results, b: Results, compared: Sequence[Compared], names: tuple[str, str], resamples: int
) -> str:
    """A comparison as text and a Markdown table."""
    lines = [
        f"A: {_escaped(_title(a, names[0]))}",
        f"B: {_escaped(_title(b, names[1]))}",
        "",
        *_notes(a, b, compared),
        "",
    ]
    header = (
        "targets", "scenarios", "pairs", "A (%)", "B (%)", "B − A (points)", "95 % interval",
        "other sign", "verdict",
    )  # fmt: skip
    rows = [header, ("---",) * len(header), *(_row(one) for one in compared)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += [
        "",
        f"Paired bootstrap over scenarios, {resamples:,} resamples: the interval holds the middle "
        "95 % of them, `other sign` is the share in which the difference is zero or of the other "
        "sign. Pairs in which all candidates are equally near the target, or in which either run "
        "has no selection, are left out of both.",
    ]
    return "\n".join(lines) + "\n"


def _title(results: Results, folder: str) -> str:
    model = f", {results.run.model}" if results.run.model else ""
    return f"{results.run.title} ({folder}{model})"


def _notes(a: Results, b: Results, compared: Sequence[Compared]) -> list[str]:
    """Notes that belong to the table."""
    shared = {s.id for s in a.answered} & {s.id for s in b.answered}
    notes = [f"Scenarios that both answered: {len(shared)}."]
    for name, results in (("A", a), ("B", b)):
        asked = len(results.run.scenarios)
        done, answered = len(results.scenarios), len(results.answered)
        if done < asked:
            notes.append(f"{name} is incomplete: {done} of {asked} scenarios so far.")
        if answered < done:
            notes.append(f"{name}: {done - answered} scenarios failed.")
    if {file.sha256 for file in a.run.data} != {file.sha256 for file in b.run.data}:
        notes.append("The runs read different data files.")
    for one in compared:
        if one.difference.dropped:
            notes.append(
                f"{one.target_set}: {one.difference.dropped:,} pairs are left out because "
                "either run has no selection."
            )
    if any(one.difference.scenarios < FEW_SCENARIOS for one in compared):
        notes.append(f"Fewer than {FEW_SCENARIOS} scenarios: the intervals are too narrow.")
    return [f"- {_escaped(note)}" for note in notes]


def _row(compared: Compared) -> tuple[str, ...]:
    d = compared.difference
    return (
        _escaped(f"{compared.target_set} ({compared.targets:,})"),
        str(d.scenarios),
        f"{d.pairs:,}",
        _percent(d.a),
        _percent(d.b),
        _points(d.difference),
        "–" if d.interval is None else f"{_points(d.interval[0])} to {_points(d.interval[1])}",
        "–" if d.opposite is None else f"{100 * d.opposite:.1f} %",
        "too few scenarios" if d.interval is None else VERDICTS[d.verdict],
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _points(difference: float | None) -> str:
    if difference is None:
        return "–"
    rounded = round(100 * difference, 1) + 0.0  # no minus before zero
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
