"""A few lines about a finished run, for the terminal."""

from __future__ import annotations

from pathlib import Path

from scripts.benchmark.measures.accuracy import Accuracy, accuracy
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.reading import read_results


def summary(folder: Path) -> str:
    """Accuracy by target set, what was left out, and where the rest is."""
    results = read_results(folder)
    answered = results.answered
    missing = len(results.run.scenarios) - len(answered)
    lines = [f"{results.run.title}: {len(answered)} scenarios of {results.run.dataset}"]
    if missing:
        failed = [s for s in results.scenarios if s.problem is not None]
        lines.append(f"  {missing} without an answer, in no average ({len(failed)} failed)")
    for target_set in results.run.target_sets:
        found = accuracy(pairs_of(answered, target_set))
        lines.append(f"  {target_set.name:10} {_told(found)}")
    lines.append(f"  python -m scripts.benchmark report {folder} --out {folder}/report")
    return "\n".join(lines)


def _told(found: Accuracy) -> str:
    if found.mean is None or found.chance is None:
        return "no pair that could be judged"
    interval = found.interval
    within = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
    told = f"{100 * found.mean:5.1f} %{within}, chance {100 * found.chance:.1f}"
    told += f" ({found.targets} targets, {found.pairs} pairs"
    told += f", {found.ties} ties left out" if found.ties else ""
    told += f", {found.unselected} without a selection" if found.unselected else ""
    return told + ")"
