"""A few lines about a finished run, for the terminal."""

from __future__ import annotations

from pathlib import Path

from scripts.benchmark.measures.accuracy import Accuracy, accuracy
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.records.reading import read_results


def summary(folder: Path) -> str:
    """Accuracy by target set, what was left out, and the command for the rest."""
    results = read_results(folder)
    answered = results.answered
    missing = len(results.run.scenarios) - len(answered)
    lines = [f"{results.run.title}: {len(answered)} scenarios of {results.run.dataset}"]
    if missing:
        failed = [s for s in results.scenarios if s.problem is not None]
        lines.append(f"  {missing} without an answer, in no average ({len(failed)} failed)")
    for target_set in results.run.target_sets:
        measured = accuracy(pairs_of(answered, target_set))
        lines.append(f"  {target_set.name:10} {_described(measured)}")
    lines.append(f"  python -m scripts.benchmark report {folder} --out {folder}/report")
    return "\n".join(lines)


def _described(accuracy: Accuracy) -> str:
    if accuracy.mean is None or accuracy.chance is None:
        return "no pair that could be judged"
    interval = accuracy.interval
    within = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
    text = f"{100 * accuracy.mean:5.1f} %{within}, chance {100 * accuracy.chance:.1f}"
    text += f" ({accuracy.targets} targets, {accuracy.pairs} pairs"
    text += f", {accuracy.ties} ties left out" if accuracy.ties else ""
    text += f", {accuracy.unselected} without a selection" if accuracy.unselected else ""
    return text + ")"
