"""Runs, measured, and grouped by what may be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from scripts.benchmark.measures.accuracy import Accuracy, accuracy, accuracy_by_size
from scripts.benchmark.measures.certainty import Certainty, certainty
from scripts.benchmark.measures.cost import Cost, cost
from scripts.benchmark.measures.estimates import Ratio
from scripts.benchmark.measures.order import order_flips, position_biases
from scripts.benchmark.measures.outcomes import pairs_of
from scripts.benchmark.measures.scores import AttributeQuality, attribute_quality
from scripts.benchmark.records.grouping import DataAndModel, NamedRun, by_data_and_model
from scripts.benchmark.records.results import Results, Run, ScenarioResult


class Evaluated(Struct, frozen=True):
    """A run and all its figures."""

    name: str
    """Of the run's folder or file."""
    title: str
    results: Results
    accuracies: dict[str, Accuracy]
    """Target set -> accuracy."""
    by_size: dict[str, dict[int, Accuracy]]
    """Target set -> number of attributes -> accuracy."""
    qualities: tuple[AttributeQuality, ...]
    """Of the attributes that have scores; none for methods that choose."""
    flips: dict[str, Ratio]
    """Target set -> order flips, where they were measured."""
    biases: dict[str, Ratio]
    """Attribute, or `(choice)` -> position bias, where it was measured."""
    cost: Cost
    certainties: dict[str, Certainty]
    """Target set -> calibration of probabilities, where they were requested."""

    @property
    def run(self) -> Run:
        """What the run was."""
        return self.results.run

    @property
    def answered(self) -> tuple[ScenarioResult, ...]:
        """Scenarios that did not fail."""
        return self.results.answered


def evaluate(name: str, results: Results) -> Evaluated:
    """Measure a run."""
    run, scenarios = results.run, results.answered
    accuracies, by_size = {}, {}
    for target_set in run.target_sets:
        pairs = pairs_of(scenarios, target_set)  # may be large: only the figures are kept
        accuracies[target_set.name] = accuracy(pairs)
        by_size[target_set.name] = accuracy_by_size(pairs)
    flips = {t.name: order_flips(scenarios, t.name) for t in run.target_sets}
    return Evaluated(
        name=name,
        title=run.title,
        results=results,
        accuracies=accuracies,
        by_size=by_size,
        qualities=tuple(
            attribute_quality(scenarios, name)
            for name in run.attributes
            if any(name in scenario.scores for scenario in scenarios)
        ),
        flips={name: flipped for name, flipped in flips.items() if flipped.parts},
        biases=position_biases(scenarios),
        cost=cost(results),
        certainties={
            target_set.name: measured
            for target_set in run.target_sets
            if (measured := certainty(scenarios, target_set)) is not None
        },
    )


class Group(Struct, frozen=True):
    """Runs on one dataset with one model."""

    key: DataAndModel
    runs: list[Evaluated]

    @property
    def title(self) -> str:
        """The dataset and the model."""
        return self.key.title


def group_runs(runs: Iterable[NamedRun]) -> list[Group]:
    """Measure runs, grouped as `by_data_and_model` does.

    Titles that a group has twice get the name of their folder. Where the runs of a group do not
    have equally many scenarios, their titles say how many: every table and plot shows it.
    """
    groups = by_data_and_model(runs)
    return [
        Group(key, _with_numbers(_with_distinct_titles(evaluate(*one) for one in alike)))
        for key, alike in groups.items()
    ]


def _with_distinct_titles(runs: Iterable[Evaluated]) -> list[Evaluated]:
    every = list(runs)
    counts = Counter(e.run.title for e in every)
    taken: Counter[str] = Counter()
    titled = []
    for evaluated in every:
        title = evaluated.run.title
        if counts[title] > 1:
            title = f"{title} ({evaluated.name})"
        taken[title] += 1
        if taken[title] > 1:
            title = f"{title} {taken[title]}"
        titled.append(replace(evaluated, title=title))
    return titled


def _with_numbers(runs: list[Evaluated]) -> list[Evaluated]:
    if len({len(e.run.scenarios) for e in runs}) == 1:
        return runs
    return [replace(e, title=f"{e.title} ({len(e.run.scenarios)} scenarios)") for e in runs]
