"""A comparison of two runs as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark.measures.compare import Compared, compare_results
from scripts.benchmark.measures.difference import Verdict
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.results import Results

VERDICTS: dict[Verdict, str] = {
    "better": "B is better: the difference is real at 95 %",
    "worse": "B is worse: the difference is real at 95 %",
    "unclear": "no clear difference",
}

FEW_SCENARIOS = 30
"""Below so many scenarios bootstrap intervals come out too narrow."""


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
