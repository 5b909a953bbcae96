"""The learning curve as a Markdown table: means over draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.benchmark.learning.measuring import FEATURES
from scripts.benchmark.measures.evaluated import Evaluated, evaluate
from scripts.benchmark.pages.parts.text import DASH
from scripts.benchmark.records.reading import read_results, runs_in


@dataclass(frozen=True, slots=True)
class Point:
    """Runs of one method after fits on one number of scenarios, in the order of the draws."""

    runs: Sequence[Evaluated]

    def accuracy(self, target_set: str) -> list[float | None]:
        """Share of targets met, of each draw."""
        return [
            run.accuracies[target_set].mean if target_set in run.accuracies else None
            for run in self.runs
        ]

    def order(self, attribute: str) -> list[float | None]:
        """Share of pairs of candidates in the right order, of each draw."""
        every = ({q.attribute: q.pairwise.value for q in run.qualities} for run in self.runs)
        return [of.get(attribute) for of in every]


def points_of(folder: Path) -> dict[tuple[str, int], Point]:
    """(method, size) -> its runs, of a folder that `measure` wrote."""
    runs: defaultdict[tuple[str, int], list[Evaluated]] = defaultdict(list)
    for place in sorted(runs_in([folder]), key=_place):
        method, size, _ = place.name.rsplit("-", 2)
        runs[method, int(size)].append(evaluate(place.name, read_results(place)))
    return {key: Point(tuple(of)) for key, of in runs.items()}


def table(points: Mapping[tuple[str, int], Point], beside: Sequence[Evaluated] = ()) -> str:
    """Accuracy and order after fits on so many scenarios, of features and of the method.

    Each cell has both, or what a run of `beside` has alone.
    """
    first = next(iter(points.values())).runs[0]
    sets, attributes = list(first.accuracies), list(first.run.attributes)
    lines = [["labelled scenarios", "draws", *sets, *(f"pairs: {name}" for name in attributes)]]
    for size in sorted({size for _, size in points}):
        methods = [points[key] for key in sorted(points, key=_features_first) if key[1] == size]
        cells = [_both([point.accuracy(name) for point in methods]) for name in sets]
        cells += [_both([point.order(name) for point in methods]) for name in attributes]
        lines.append([str(size), str(len(methods[-1].runs)), *cells])
    for run in beside:
        own = Point([run])
        cells = [_both([own.accuracy(name)]) for name in sets]
        lines.append([run.title, "", *cells, *(_both([own.order(name)]) for name in attributes)])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _both(of_methods: Iterable[Sequence[float | None]]) -> str:
    return " → ".join(_mean(values) for values in of_methods)


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * np.mean(known):.1f}" if known else DASH


def _features_first(key: tuple[str, int]) -> tuple[bool, str]:
    return key[0] != FEATURES, key[0]


def _place(folder: Path) -> tuple[str, int, int]:
    method, size, draw = folder.name.rsplit("-", 2)
    return method, int(size), int(draw)
