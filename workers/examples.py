"""Which examples go into a prompt (paper section 4.1): the nearest, covering every label level.

Pure: what is near comes through the `Neighbours` protocol.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.bank import MAX_DISTINCT_LEVELS, LabelledScenario
from app.domain.scenario import Choice
from app.domain.selection.distance import distances
from app.domain.selection.ranking import TIE_TOLERANCE
from app.domain.selection.targets import target_matrix

Rows = NDArray[np.int64]

_CONTINUUM = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What a continuum of labels is cut into."""
_FIRST_LOOK = 64

Level = TypeVar("Level", float, tuple[str, float])
"""What examples are to show: a label level, or where several attributes are asked for together an
attribute and one of its levels."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A scenario of the bank and how similar its question is."""

    row: int
    similarity: float


class Neighbours(Protocol):
    """The scenarios of a bank by their similarity to one question."""

    def nearest(self, count: int) -> list[Neighbour]:
        """The `count` most similar of all, most similar first."""

    def among(self, rows: Rows) -> list[Neighbour]:
        """The given rows, most similar first."""


class Without:
    """Neighbours with some rows left out: scenarios that would give their own labels away."""

    def __init__(self, neighbours: Neighbours, rows: Collection[int]) -> None:
        self._neighbours = neighbours
        self._rows = frozenset(rows)

    def nearest(self, count: int) -> list[Neighbour]:
        """The `count` most similar of the others."""
        found = self._neighbours.nearest(count + len(self._rows))
        return [n for n in found if n.row not in self._rows][:count]

    def among(self, rows: Rows) -> list[Neighbour]:
        """Those of the given rows that are not left out, most similar first."""
        return [n for n in self._neighbours.among(rows) if n.row not in self._rows]


@dataclass(frozen=True, slots=True)
class LevelMap(Generic[Level]):
    """Where in a bank the label levels of an attribute, or of several, are."""

    rows_of: dict[Level, Rows]
    """Level -> rows of the scenarios with a response at that level."""
    levels_of: dict[int, frozenset[Level]]
    """Row -> the levels that its responses show. Rows without a label are not there."""

    def left_out(self, kept: Sequence[Neighbour]) -> tuple[Level, ...]:
        """The levels that none of `kept` shows."""
        shown = {level for n in kept for level in self.levels_of.get(n.row, ())}
        return tuple(level for level in self.levels if level not in shown)

    @property
    def levels(self) -> tuple[Level, ...]:
        """All levels, ascending."""
        return tuple(sorted(self.rows_of))


@dataclass(frozen=True, slots=True)
class ChosenExamples(Generic[Level]):
    """Examples for one attribute, or for several that are asked for together."""

    neighbours: tuple[Neighbour, ...]
    """Most similar first; in the bank's order where all of it is shown."""
    uncovered: tuple[Level, ...]
    """Levels that did not fit into the number of examples."""


def level_map(
    scenarios: Sequence[LabelledScenario], attribute: str, declared: Sequence[float]
) -> LevelMap[float]:
    """Find an attribute's label levels in a bank.

    The levels are those that the attribute declares, else the labels themselves when there are few
    different ones, else five steps of [0, 1]; each label counts for the level nearest to it.
    """
    labels = {
        row: [r[attribute] for r in scenario.labels if attribute in r]
        for row, scenario in enumerate(scenarios)
    }
    labels = {row: values for row, values in labels.items() if values}
    distinct = sorted({value for values in labels.values() for value in values})
    grid = list(declared)
    if not grid:
        grid = distinct if len(distinct) <= MAX_DISTINCT_LEVELS else list(_CONTINUUM)
    levels_of = {
        row: frozenset(min(grid, key=lambda level: abs(level - value)) for value in values)
        for row, values in labels.items()
    }
    return _mapped(levels_of)


def joint_level_map(
    scenarios: Sequence[LabelledScenario], maps: Mapping[str, LevelMap[float]]
) -> LevelMap[tuple[str, float]]:
    """The levels of several attributes in one map, from each attribute's own.

    Only scenarios whose labels are whole are in it, if there are any: those in which a response
    that is labelled on one of the attributes is labelled on all. An attribute that the bank does
    not label at all asks nothing of them.
    """
    names = frozenset(name for name, levels in maps.items() if levels.levels_of)
    labelled = sorted({row for name in names for row in maps[name].levels_of})
    whole = [
        row
        for row in labelled
        if all(names <= labels.keys() for labels in scenarios[row].labels if names & labels.keys())
    ]
    return _mapped(
        {
            row: frozenset(
                (name, level) for name in names for level in maps[name].levels_of.get(row, ())
            )
            for row in whole or labelled
        }
    )


def _mapped(levels_of: dict[int, frozenset[Level]]) -> LevelMap[Level]:
    rows_of: dict[Level, list[int]] = {}
    for row, levels in levels_of.items():
        for level in levels:
            rows_of.setdefault(level, []).append(row)
    return LevelMap(
        rows_of={level: np.array(rows, dtype=np.int64) for level, rows in rows_of.items()},
        levels_of=levels_of,
    )


def choose_examples(
    neighbours: Neighbours, levels: LevelMap[Level], count: int
) -> ChosenExamples[Level]:
    """The nearest scenario for each level, then the nearest left, `count` in all.

    Where one scenario for each level would be more than `count`, scenarios that show several
    missing levels at once are taken first; levels that still do not fit are told. Where all are
    taken there is nothing to choose, and they stand in the bank's order: every prompt then begins
    with the same examples, which an engine has in its prefix cache.
    """
    if count == 0 or not levels.levels_of:
        return ChosenExamples((), ())
    if count >= len(levels.levels_of):
        everything = neighbours.among(np.array(sorted(levels.levels_of), dtype=np.int64))
        in_order = sorted(everything, key=lambda n: n.row)
        return ChosenExamples(tuple(in_order), levels.left_out(in_order))
    wanted = count
    found = _look_for(neighbours, levels, max(_FIRST_LOOK, wanted))
    chosen = _nearest_for_each_level(neighbours, levels, found)
    if len(chosen) > wanted:
        chosen = _widest_cover(found, chosen, levels, wanted)
    taken = {n.row for n in chosen}
    for neighbour in found:
        if len(chosen) >= wanted:
            break
        if neighbour.row not in taken:
            taken.add(neighbour.row)
            chosen.append(neighbour)
    chosen.sort(key=lambda n: (-n.similarity, n.row))
    return ChosenExamples(tuple(chosen), levels.left_out(chosen))


def choose_choices(
    neighbours: Neighbours, scenarios: Sequence[LabelledScenario], choice: Choice, count: int
) -> ChosenExamples[float]:
    """The nearest scenarios whose labels say which response comes nearest the target.

    That is, each response is labelled on every attribute of the target, and not all are equally
    near (paper section 5.3: relevant scenarios with the correct response for the target).
    """
    matrix = target_matrix([choice.target])

    def decides(scenario: LabelledScenario) -> bool:
        if not scenario.labels or not all(
            name in labels for labels in scenario.labels for name in matrix.attributes
        ):
            return False
        distance = distances(label_matrix(scenario, matrix.attributes), matrix)[0]
        return bool(distance.max() - distance.min() > TIE_TOLERANCE)

    look = max(_FIRST_LOOK, count)
    while True:  # ever further: to judge a large bank's every scenario would take seconds
        nearest = neighbours.nearest(look)
        rows = [n.row for n in nearest if decides(scenarios[n.row])]
        if len(rows) >= count or len(nearest) < look:
            break
        look *= 4
    if not rows or count == 0:
        return ChosenExamples((), ())
    rows.sort()  # of equally similar ones the first of the bank
    return ChosenExamples(tuple(neighbours.among(np.array(rows, dtype=np.int64))[:count]), ())


def label_matrix(scenario: LabelledScenario, attributes: Sequence[str]) -> Floats:
    """A scenario's labels as (responses, attributes). Raises `KeyError` where one is missing."""
    return np.array([[labels[name] for name in attributes] for labels in scenario.labels])


def _look_for(neighbours: Neighbours, levels: LevelMap[Level], count: int) -> list[Neighbour]:
    """At least `count` labelled neighbours, if the bank has them, looking ever further."""
    target = min(count, len(levels.levels_of))
    look = count
    while True:
        nearest = neighbours.nearest(look)
        labelled = [n for n in nearest if n.row in levels.levels_of]
        if len(labelled) >= target or len(nearest) < look:
            return labelled
        look *= 4


def _nearest_for_each_level(
    neighbours: Neighbours, levels: LevelMap[Level], found: Sequence[Neighbour]
) -> list[Neighbour]:
    best: dict[Level, Neighbour] = {}
    for neighbour in found:
        for level in levels.levels_of[neighbour.row]:
            best.setdefault(level, neighbour)
    for level in levels.levels:
        if level in best:
            continue
        # Rare among the nearest: ask for its own scenarios. They may all be left out.
        if showing := neighbours.among(levels.rows_of[level]):
            best[level] = showing[0]
    covered: set[Level] = set()
    chosen: list[Neighbour] = []
    # The most similar first: what it shows beside its own level need not be looked for.
    for level in sorted(best, key=lambda x: (-best[x].similarity, x)):
        if level not in covered:
            chosen.append(best[level])
            covered |= levels.levels_of[best[level].row]
    return chosen


def _widest_cover(
    found: Sequence[Neighbour], nearest: Sequence[Neighbour], levels: LevelMap[Level], count: int
) -> list[Neighbour]:
    """Greedy set cover: each time the scenario that shows most missing levels, nearest first."""
    pool = {n.row: n for n in (*found, *nearest)}
    missing = set(levels.levels)
    chosen: list[Neighbour] = []
    while missing and pool and len(chosen) < count:
        row = max(pool, key=lambda r: (len(levels.levels_of[r] & missing), pool[r].similarity, -r))
        if not levels.levels_of[row] & missing:
            break
        missing -= levels.levels_of[row]
        chosen.append(pool.pop(row))
    return chosen
