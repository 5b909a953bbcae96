"""The frontier: what each mode of scoring reaches and what it takes, raw and calibrated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.measures.accuracy import accuracy
from scripts.benchmark.measures.cost import cost
from scripts.benchmark.measures.difference import paired_difference
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.plots.frontier import FREE, FrontierPoint, frontier_plot
from scripts.benchmark.pages.tables import accuracy_with_interval, row_of
from scripts.benchmark.records.grouping import DataAndModel, by_data_and_model
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.results import CALIBRATED, Results, Run, TargetSet

REFERENCE = "few-shot"
"""The mode whose raw scores the others are compared with: the paper's."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One way of scoring, and on how many scenarios it is measured unless told otherwise."""

    name: str
    options: tuple[str, ...]
    """Of `scripts.benchmark run` and `scripts.calibrate`."""
    scenarios: int | None = None
    """To evaluate on; None for all."""
    training: int | None = None
    """To fit the calibration on; None for all."""
    fixed: bool = False
    """Whether every scenario gets the same few examples."""


MODES = (
    Mode(FREE, ()),
    Mode("digits", ("--no-reasoning", "--zero-shot")),
    Mode("digits, two orders", ("--no-reasoning", "--zero-shot", "--orders", "2")),
    Mode("digits, few-shot", ("--no-reasoning",), 60, 100),
    Mode("zero-shot", ("--zero-shot",), 60, 100),
    Mode(REFERENCE, (), 60, 100),
    Mode("few-shot, fixed", (), 60, 100, fixed=True),
    Mode("few-shot, joint", ("--joint",), 60, 100),
    Mode("few-shot, two orders", ("--orders", "2"), 60, 100),
    Mode("few-shot, five samples", ("--samples", "5"), 60, 100),
)
"""From the cheapest to the dearest, more or less."""


def mode_called(name: str) -> Mode:
    """The mode of that name. Raises ValueError."""
    for mode in MODES:
        if mode.name == name:
            return mode
    raise ValueError(f"no mode is called {name!r}: {', '.join(repr(m.name) for m in MODES)}")


def mode_of(run: Run) -> str:
    """Which mode a run is: by its label, else by its settings, else its title."""
    label = run.label.removesuffix(CALIBRATED)
    if label in {mode.name for mode in MODES}:
        return label
    if run.method == "features":
        return FREE
    settings = run.settings
    told: list[str] = []
    if not settings.get("reasoning", True):
        told.append("--no-reasoning")
    if not int(run.scorer.get("examples", settings.get("examples")) or 0):
        told.append("--zero-shot")
    for name, flag in (("orders", "--orders"), ("samples", "--samples")):
        if settings.get(name, 1) != 1:
            told += [flag, str(settings[name])]
    if settings.get("joint"):
        told.append("--joint")
    named = {mode.options: mode.name for mode in MODES if mode.name != FREE and not mode.fixed}
    title = run.title.removesuffix(CALIBRATED)
    return named.get(tuple(told), title) if run.method == "comparative" else title


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
        """What it reaches on a target set, and what it takes."""
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
    """Runs on one dataset with one model, and what they reach for what they take."""

    key: DataAndModel
    measured: tuple[Measured, ...]

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the target sets that any of the runs has."""
        return tuple(dict.fromkeys(name for one in self.measured for name in one.sets))


def read_frontiers(folders: Iterable[Path]) -> list[Frontier]:
    """Runs by dataset and model, as `by_data_and_model` groups them.

    Raises as `read_results` does, and ValueError for two runs of the same mode and kind.
    """
    frontiers: list[Frontier] = []
    groups = by_data_and_model((folder, read_results(folder)) for folder in folders)
    for key, alike in groups.items():
        found: dict[tuple[str, str], tuple[Path, Measured]] = {}
        for folder, results in alike:
            kind = "calibrated" if results.run.calibration else "raw"
            mode = mode_of(results.run)
            if same := found.get((mode, kind)):
                raise ValueError(
                    f"{same[0]} and {folder} are both {mode!r}, {kind}, on {key.title}: draw one"
                )
            found[mode, kind] = folder, Measured(mode, kind, results)
        frontiers.append(Frontier(key, tuple(one for _, one in found.values())))
    return frontiers


def picture(frontier: Frontier, target_set: str) -> str:
    """Accuracy against cost as SVG."""
    points = points_of(frontier, target_set)
    return frontier_plot(points, drawing.styles(points), target_set)


def points_of(frontier: Frontier, target_set: str) -> dict[str, dict[str, FrontierPoint]]:
    """Mode -> `raw` or `calibrated` -> what it reaches on a target set, and what it takes.

    Where modes were not measured on equally many scenarios, their names tell how many.
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


def table(frontier: Frontier, target_sets: Sequence[str]) -> str:
    """Markdown: a row a mode and kind, a column a target set, and what a scenario takes.

    Beside each accuracy its difference from the raw scores of the reference mode, by the same
    model, on the scenarios that both have, with the 95 % interval of a paired bootstrap.
    """
    measured = frontier.measured
    reference = next((m for m in measured if (m.mode, m.kind) == (REFERENCE, "raw")), None)
    header = [frontier.key.title, "scores", "scenarios"]
    for name in target_sets:
        header += [name, f"against {REFERENCE}, raw"]
    header += ["tokens computed", "seconds"]
    lines = [row_of(header), row_of(["---"] * len(header))]
    for one in measured:
        cells = [one.mode, one.kind, str(len(one.results.answered))]
        spent = None
        for name in target_sets:
            if name not in one.sets:
                cells += ["", ""]
                continue
            spent = one.point(name)
            cells += [accuracy_with_interval(spent.accuracy), _difference(reference, one, name)]
        cells.append(f"{spent.tokens:,.0f}" if spent and spent.tokens else "")
        cells.append(f"{spent.seconds:,.2g}" if spent and spent.seconds else "")
        lines.append(row_of(cells))
    return "\n".join(lines)


def _difference(reference: Measured | None, one: Measured, target_set: str) -> str:
    if reference is None or one is reference or target_set not in reference.sets:
        return ""
    found = paired_difference(
        pairs_of(reference.results.answered, reference.sets[target_set]),
        pairs_of(one.results.answered, one.sets[target_set]),
    )
    if found.difference is None or found.interval is None:
        return ""
    low, high = found.interval
    return f"{100 * found.difference:+.1f} [{100 * low:+.0f}, {100 * high:+.0f}]"
