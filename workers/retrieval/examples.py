"""Chooses the examples of a prompt: the nearest ones that cover every label level (paper 4.1).

Pure: the search for near scenarios is behind the `Neighbours` protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
"""Levels of continuous labels."""
_FIRST_SEARCH = 64
"""Neighbours to search first; later searches are four times as wide as the one before."""
_WIDER = 4
_WIDEST = 65_536
"""Above this width the rows in question are searched instead, or none."""

Level = TypeVar("Level", float, tuple[str, float])
"""What examples should show: a label level or, for attributes that are asked for together, an
attribute's name and one of its levels."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Why an example was chosen for a group."""

    score: float
    """What examples are ranked by."""
    stability: float | None
    contrast: float | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A scenario of the bank and the similarity of its question."""

    row: int
    similarity: float
    parts: Parts | None = None
    """For a group, which ranks examples not by similarity alone."""


class Neighbours(Protocol):
    """Scenarios of a bank by their similarity to one question."""

    def nearest(self, count: int) -> list[Neighbour]:
        """Return the `count` most similar scenarios, most similar first."""

    def among(self, rows: Rows, count: int | None = None) -> list[Neighbour]:
        """Return the given rows, or the `count` nearest of them, most similar first."""


class Without:
    """Neighbours without some rows: scenarios that would reveal the labels to be predicted."""

    def __init__(self, neighbours: Neighbours, rows: Collection[int]) -> None:
        self._neighbours = neighbours
        self._rows = frozenset(rows)

    def nearest(self, count: int) -> list[Neighbour]:
        """Return the `count` most similar of the other scenarios."""
        nearest = self._neighbours.nearest(count + len(self._rows))
        return [n for n in nearest if n.row not in self._rows][:count]

    def among(self, rows: Rows, count: int | None = None) -> list[Neighbour]:
        """Return those of the given rows that are not excluded, most similar first."""
        wider = None if count is None else count + len(self._rows)
        nearest = self._neighbours.among(rows, wider)
        return [n for n in nearest if n.row not in self._rows][:count]


@dataclass(frozen=True)
class LevelMap(Generic[Level]):
    """Which scenarios of a bank show which label levels of one attribute or several."""

    rows_of: dict[Level, Rows]
    """Level -> rows of the scenarios with a response at that level."""
    levels_of: dict[int, frozenset[Level]]
    """Row -> the levels that its responses show. Rows without a label are omitted."""
    unlabelled: frozenset[Level] = frozenset()
    """Levels that the attribute declares or a left-out row has, but none of `rows_of`."""

    def left_out(self, kept: Sequence[Neighbour]) -> tuple[Level, ...]:
        """Return the levels that none of `kept` shows, ascending."""
        shown = {level for n in kept for level in self.levels_of.get(n.row, ())}
        return tuple(sorted((self.rows_of.keys() | self.unlabelled) - shown))

    @cached_property
    def rows(self) -> Rows:
        """Return the rows with a label, ascending."""
        return np.array(sorted(self.levels_of), dtype=np.int64)

    @property
    def levels(self) -> tuple[Level, ...]:
        """Return the levels that scenarios show, ascending."""
        return tuple(sorted(self.rows_of))


@dataclass(frozen=True, slots=True)
class ChosenExamples(Generic[Level]):
    """Examples for one subject."""

    neighbours: tuple[Neighbour, ...]
    """Most similar first; in the bank's order if the whole bank is shown."""
    uncovered: tuple[Level, ...]
    """Levels for which the number of examples was too small."""


def level_map(
    scenarios: Sequence[LabelledScenario],
    attribute: str,
    declared: Sequence[float],
    repeated: Collection[int] = (),
) -> LevelMap[float]:
    """Find an attribute's label levels in a bank.

    The levels are those that the attribute declares, else the labels themselves if few of them
    differ, else five steps of [0, 1]. Each label belongs to the nearest level. The rows in
    `repeated` are left out of the map, since prompts show other rows with the same texts.
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
    kept = {row: levels for row, levels in levels_of.items() if row not in repeated}
    known = frozenset(level for levels in levels_of.values() for level in levels)
    return _level_map(kept, known | frozenset(declared))


def joint_level_map(
    scenarios: Sequence[LabelledScenario], maps: Mapping[str, LevelMap[float]]
) -> LevelMap[tuple[str, float]]:
    """Combine the level maps of several attributes into one.

    If the bank has completely labelled scenarios, the map has only those: scenarios in which a
    response with a label for one of the attributes has labels for all of them. Attributes that the
    bank never labels are ignored.
    """
    names = frozenset(name for name, levels in maps.items() if levels.levels_of)
    labelled = sorted({row for name in names for row in maps[name].levels_of})
    complete = [
        row
        for row in labelled
        if all(names <= labels.keys() for labels in scenarios[row].labels if names & labels.keys())
    ]
    return _level_map(
        {
            row: frozenset(
                (name, level) for name in names for level in maps[name].levels_of.get(row, ())
            )
            for row in complete or labelled
        }
    )


def _level_map(
    levels_of: dict[int, frozenset[Level]], known: frozenset[Level] = frozenset()
) -> LevelMap[Level]:
    rows_of: dict[Level, list[int]] = {}
    # Few sets differ, and a large bank has a million.
    shared: dict[frozenset[Level], frozenset[Level]] = {}
    levels_of = {row: shared.setdefault(levels, levels) for row, levels in levels_of.items()}
    for row, levels in levels_of.items():
        for level in levels:
            rows_of.setdefault(level, []).append(row)
    return LevelMap(
        rows_of={level: np.array(rows, dtype=np.int64) for level, rows in rows_of.items()},
        levels_of=levels_of,
        unlabelled=known - rows_of.keys(),
    )


def choose_examples(
    neighbours: Neighbours, levels: LevelMap[Level], count: int
) -> ChosenExamples[Level]:
    """Choose the nearest scenario for each level, then the nearest others, `count` in all.

    If there are more levels than `count`, scenarios that show several missing levels come first;
    levels that are still missing are reported. If the whole bank is taken, the examples keep its
    order, so that all prompts begin with the same examples, which the engine's prefix cache holds.
    """
    if count == 0:
        return ChosenExamples((), ())
    if not levels.levels_of:
        return ChosenExamples((), levels.left_out(()))
    if count >= len(levels.levels_of):
        everything = neighbours.among(np.array(sorted(levels.levels_of), dtype=np.int64))
        in_order = sorted(everything, key=lambda n: n.row)
        return ChosenExamples(tuple(in_order), levels.left_out(in_order))
    nearest = _labelled_neighbours(neighbours, levels, max(_FIRST_SEARCH, count))
    chosen = _nearest_for_each_level(neighbours, levels, nearest)
    if len(chosen) > count:
        chosen = _widest_cover(nearest, chosen, levels, count)
    taken = {n.row for n in chosen}
    for neighbour in nearest:
        if len(chosen) >= count:
            break
        if neighbour.row not in taken:
            taken.add(neighbour.row)
            chosen.append(neighbour)
    chosen.sort(key=lambda n: (-n.similarity, n.row))
    return ChosenExamples(tuple(chosen), levels.left_out(chosen))


def choose_choices(
    neighbours: Neighbours,
    scenarios: Sequence[LabelledScenario],
    choice: Choice,
    count: int,
    repeated: Collection[int] = (),
) -> ChosenExamples[float]:
    """Choose the nearest scenarios whose labels decide which response is nearest the target.

    Every response must have a label for every attribute of the target, and the responses must not
    all be equally near (paper section 5.3: relevant scenarios with the correct response). Rows in
    `repeated` are left out, since prompts show other rows with the same texts.
    """
    decides = deciding(choice)
    width = max(_FIRST_SEARCH, count)
    while True:  # wider and wider: computing `decides` for a whole large bank takes too long
        nearest = neighbours.nearest(width)
        rows = [n.row for n in nearest if n.row not in repeated and decides(scenarios[n.row])]
        if len(rows) >= count or len(nearest) < width or width >= _WIDEST:
            break
        width *= _WIDER
    if not rows or count == 0:
        return ChosenExamples((), ())
    rows.sort()  # among equally similar scenarios the first of the bank wins
    return ChosenExamples(tuple(neighbours.among(np.array(rows, dtype=np.int64))[:count]), ())


def deciding(choice: Choice) -> Callable[[LabelledScenario], bool]:
    """Return whether a scenario's labels decide which of its responses is nearest the target."""
    matrix = target_matrix([choice.target])

    def decides(scenario: LabelledScenario) -> bool:
        if not scenario.labels or not all(
            name in labels for labels in scenario.labels for name in matrix.attributes
        ):
            return False
        distance = distances(label_matrix(scenario, matrix.attributes), matrix)[0]
        return bool(distance.max() - distance.min() > TIE_TOLERANCE)

    return decides


def label_matrix(scenario: LabelledScenario, attributes: Sequence[str]) -> Floats:
    """Return labels as (responses, attributes). Raises `KeyError` if one is missing."""
    return np.array([[labels[name] for name in attributes] for labels in scenario.labels])


def _labelled_neighbours(
    neighbours: Neighbours, levels: LevelMap[Level], count: int
) -> list[Neighbour]:
    """Return at least `count` labelled neighbours, if the bank has them."""
    wanted = min(count, len(levels.levels_of))
    width = count
    while True:
        nearest = neighbours.nearest(width)
        labelled = [n for n in nearest if n.row in levels.levels_of]
        if len(labelled) >= wanted or len(nearest) < width:
            return labelled
        width *= _WIDER
        if width > _WIDEST:  # few rows have the attribute: search among those
            rows = np.array(sorted(levels.levels_of), dtype=np.int64)
            return neighbours.among(rows, count)


def _nearest_for_each_level(
    neighbours: Neighbours, levels: LevelMap[Level], nearest: Sequence[Neighbour]
) -> list[Neighbour]:
    best: dict[Level, Neighbour] = {}
    for neighbour in nearest:
        for level in levels.levels_of[neighbour.row]:
            best.setdefault(level, neighbour)
    for level in levels.levels:
        if level in best:
            continue
        # None of the nearest shows it: search the scenarios that do. All may be excluded.
        if showing := neighbours.among(levels.rows_of[level], 1):
            best[level] = showing[0]
    covered: set[Level] = set()
    chosen: list[Neighbour] = []
    # Most similar first; the other levels that it shows are then covered as well.
    for level in sorted(best, key=lambda x: (-best[x].similarity, x)):
        if level not in covered:
            chosen.append(best[level])
            covered |= levels.levels_of[best[level].row]
    return chosen


def _widest_cover(
    nearest: Sequence[Neighbour], best: Sequence[Neighbour], levels: LevelMap[Level], count: int
) -> list[Neighbour]:
    """Greedy set cover: repeatedly take the scenario that shows the most missing levels."""
    pool = {n.row: n for n in (*nearest, *best)}
    missing = set(levels.levels)
    chosen: list[Neighbour] = []
    while missing and pool and len(chosen) < count:
        row = max(pool, key=lambda r: (len(levels.levels_of[r] & missing), pool[r].similarity, -r))
        if not levels.levels_of[row] & missing:
            break
        missing -= levels.levels_of[row]
        chosen.append(pool.pop(row))
    return chosen
