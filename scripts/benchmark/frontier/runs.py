"""The frontier: accuracy and cost of each mode, raw and calibrated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.benchmark.frontier.modes import mode_of
from scripts.benchmark.measures.accuracy import accuracy
from scripts.benchmark.measures.cost import cost
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.plots.frontier import FREE, FrontierPoint, frontier_plot
from scripts.benchmark.records.grouping import DataAndModel, NamedRun, by_data_and_model
from scripts.benchmark.records.results import Results, TargetSet


@dataclass(frozen=True, slots=True)
class Measured:
    """A results folder as part of the frontier."""

    mode: str
    kind: str
    """`raw` or `calibrated`."""
    results: Results

    @property
    def sets(self) -> dict[str, TargetSet]:
        """Target sets by name."""
        return {target_set.name: target_set for target_set in self.results.run.target_sets}

    def point(self, target_set: str) -> FrontierPoint:
        """Its accuracy on a target set, and its cost."""
        answered = self.results.answered
        spent = cost(self.results)
        free = self.mode == FREE
        read = (spent.prompt_tokens or 0) - (spent.cached_prompt_tokens or 0)
        tokens = read + (spent.output_tokens or 0)
        return FrontierPoint(
            accuracy=accuracy(pairs_of(answered, self.sets[target_set])),
            tokens=None if free else tokens or None,  # an endpoint may not count them
            seconds=None if free else spent.mean_seconds,
            is_free=free,
        )


@dataclass(frozen=True, slots=True)
class Frontier:
    """Runs on one dataset with one model."""

    key: DataAndModel
    measured: tuple[Measured, ...]

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the target sets that any of the runs has."""
        return tuple(dict.fromkeys(name for one in self.measured for name in one.sets))


def frontiers_of(runs: Iterable[NamedRun]) -> list[Frontier]:
    """Runs by dataset and model, as `by_data_and_model` groups them.

    Raises ValueError for two runs of the same mode and kind.
    """
    frontiers: list[Frontier] = []
    for key, alike in by_data_and_model(runs).items():
        measured: dict[tuple[str, str], tuple[str, Measured]] = {}
        for name, results in alike:
            kind = "calibrated" if results.run.calibration else "raw"
            mode = mode_of(results.run)
            if same := measured.get((mode, kind)):
                raise ValueError(
                    f"{same[0]} and {name} are both {mode!r}, {kind}, on {key.title}: draw one"
                )
            measured[mode, kind] = name, Measured(mode, kind, results)
        frontiers.append(Frontier(key, tuple(one for _, one in measured.values())))
    return frontiers


def picture(frontier: Frontier, target_set: str) -> str:
    """Accuracy against cost as SVG."""
    points = points_of(frontier, target_set)
    return frontier_plot(points, drawing.styles(points), target_set)


def points_of(frontier: Frontier, target_set: str) -> dict[str, dict[str, FrontierPoint]]:
    """Mode -> `raw` or `calibrated` -> accuracy on a target set, and cost.

    If modes were measured on different numbers of scenarios, their names include the number.
    """
    shown = [one for one in frontier.measured if target_set in one.sets]
    numbers: dict[str, set[int]] = {}
    for one in shown:
        numbers.setdefault(one.mode, set()).add(len(one.results.answered))
    alike = len(set().union(*numbers.values())) == 1
    points: dict[str, dict[str, FrontierPoint]] = {}
    for one in shown:
        name = one.mode
        if not alike and name != FREE:
            name += f" ({' and '.join(map(str, sorted(numbers[name])))} scenarios)"
        points.setdefault(name, {})[one.kind] = one.point(target_set)
    for by_kind in points.values():
        # Calibrated scores come from the cache: their cost is that of the raw ones.
        if {"raw", "calibrated"} <= by_kind.keys():
            raw, better = by_kind["raw"], by_kind["calibrated"]
            by_kind["calibrated"] = FrontierPoint(better.accuracy, raw.tokens, raw.seconds)
    return points
