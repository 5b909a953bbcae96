"""Warnings for readers who compare the runs of a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scripts.benchmark.measures.evaluated import Evaluated, Group
from scripts.benchmark.measures.scores import unscored_reasons
from scripts.benchmark.pages.parts.text import (
    shortened,
)


def warnings_about(group: Group) -> Iterable[str]:
    for e in group.runs:
        done, asked = len(e.results.scenarios), len(e.run.scenarios)
        if done < asked:
            yield f"{e.title}: incomplete, {done} of {asked} scenarios so far."
        failed = [s.problem for s in e.results.scenarios if s.problem is not None]
        if failed:
            reasons = Counter(failed).most_common(3)
            listed = "; ".join(f"{shortened(reason)} ({count})" for reason, count in reasons)
            yield f"{e.title}: {len(failed)} of {done} scenarios failed and are left out: {listed}"
        missing = unscored_reasons(e.answered)
        if missing:
            listed = ", ".join(f"{count} {reason}" for reason, count in missing.items())
            yield f"{e.title}: cells without a score or choice: {listed}."
    yield from _differences(group.runs)


def _differences(runs: Sequence[Evaluated]) -> Iterable[str]:
    """Differences that make the runs of a group hard to compare."""
    compared: tuple[tuple[str, Callable[[Evaluated], Any]], ...] = (
        ("read different data", lambda e: {file.sha256 for file in e.run.data}),
        ("were asked different scenarios", lambda e: set(e.run.scenarios)),
        ("ran different revisions of the model", lambda e: e.run.scorer.get("revision")),
    )
    for what, key in compared:
        values = [value for e in runs if (value := key(e))]
        if any(value != values[0] for value in values):
            yield f"The runs {what}: differences between them are not due to the method alone."
    for name in dict.fromkeys(name for e in runs for name in e.accuracies):
        sets = [t for e in runs for t in e.run.target_sets if t.name == name]
        if any(t != sets[0] for t in sets):
            yield f"Not all runs have the same {name} targets: do not compare them on these."
