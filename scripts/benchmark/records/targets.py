"""Targets of a run (paper section 5.1): high, low, sampled, all. Pure but for reading a file."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.selection.distance import distances
from app.domain.selection.ranking import nearest
from app.domain.selection.targets import TargetMatrix, target_matrix
from scripts.benchmark.records.choices import encode_array
from scripts.benchmark.records.results import TargetSet
from scripts.benchmark.records.scenario_files import CONTINUUM

MAX_TARGETS = 2_000_000

Levels = Mapping[str, Sequence[float]]

Choices = NDArray[np.int8]
"""Index of the selected candidate for each target, -1 for none."""


class UnusableTargets(ValueError):
    """Targets that cannot be read or made; the message says why."""


def parse_targets(specifications: Sequence[str], levels: Levels, seed: int) -> list[TargetSet]:
    """Target sets from `high`, `low`, `sampled:FILE`, `sample:N` and `all`.

    `levels` are the label levels of each attribute; a continuum (no levels) is cut into five.
    Raises `UnusableTargets`.
    """
    target_sets = [_parse(text, levels, seed) for text in specifications]
    names = [target_set.name for target_set in target_sets]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UnusableTargets(f"targets {repeated[0]!r} are given more than once")
    return target_sets


def _parse(text: str, levels: Levels, seed: int) -> TargetSet:
    kind, _, argument = text.partition(":")
    grid = {
        name: tuple(float(v) for v in observed) or CONTINUUM for name, observed in levels.items()
    }
    if kind == "high" and not argument:
        return TargetSet("high", "high", (dict.fromkeys(grid, 1.0),))
    if kind == "low" and not argument:
        return TargetSet("low", "low", (dict.fromkeys(grid, 0.0),))
    if kind == "all" and not argument:
        count = math.prod(len(values) for values in grid.values())
        if count > MAX_TARGETS:
            raise UnusableTargets(f"all would be {count} targets, more than {MAX_TARGETS}")
        return TargetSet("all", "all", levels=grid)
    if kind == "sampled" and argument:
        return TargetSet("sampled", "sampled", tuple(_read(Path(argument), grid)))
    if kind == "sample" and argument.isdigit() and int(argument) > 0:
        return TargetSet(f"sample-{argument}", "sampled", tuple(sample(int(argument), grid, seed)))
    raise UnusableTargets(
        f"{text!r} is not a set of targets: high, low, sampled:FILE, sample:N or all"
    )


def sample(count: int, levels: Levels, seed: int) -> list[dict[str, float]]:
    """`count` random targets for each number of attributes, 1 to all of them (section 5.1).

    All are different, and fewer if so many do not exist. Attributes in the order of `levels`.
    """
    targets: list[dict[str, float]] = []
    for size in range(1, len(levels) + 1):
        draw = random.Random(f"{seed}:{size}")
        possible = sum(
            math.prod(len(levels[name]) for name in names)
            for names in itertools.combinations(levels, size)
        )
        wishes: dict[tuple[tuple[str, float], ...], None] = {}
        while len(wishes) < min(count, possible):
            chosen = set(draw.sample(list(levels), size))
            wish = tuple((n, draw.choice(list(levels[n]))) for n in levels if n in chosen)
            wishes[wish] = None
        targets += [dict(wish) for wish in wishes]
    return targets


def restricted(target: Mapping[str, float], attributes: Sequence[str]) -> dict[str, float]:
    """The part of a target on attributes that a scenario labels."""
    return {name: target[name] for name in attributes if name in target}


@dataclass(frozen=True, slots=True)
class Wishes:
    """All targets of a run, restricted to the attributes that some scenarios label."""

    attributes: tuple[str, ...]
    unique: tuple[dict[str, float], ...]
    """The different targets, restricted to the attributes."""
    places: dict[str, NDArray[np.intp]]
    """Target set -> for each target its place in `unique`, -1 where nothing of it is left."""
    _answerable: dict[frozenset[str], tuple[list[int], TargetMatrix]] = field(default_factory=dict)

    def answerable(self, scored: frozenset[str]) -> tuple[list[int], TargetMatrix]:
        """Places in `unique` of the targets that name scored attributes only, and these targets."""
        if scored not in self._answerable:
            places = [i for i, wish in enumerate(self.unique) if scored.issuperset(wish)]
            matrix = target_matrix([self.unique[i] for i in places])
            self._answerable[scored] = places, matrix
        return self._answerable[scored]

    def spread(self, choices: Choices) -> dict[str, str]:
        """Choices for `unique` as letters for every target of every set."""
        padded = np.append(choices, np.int8(-1))  # at place -1
        return {name: encode_array(padded[places]) for name, places in self.places.items()}


def wishes_for(attributes: Sequence[str], target_sets: Iterable[TargetSet]) -> Wishes:
    """Restrict every target to some attributes, and keep each different one once."""
    place_of: dict[tuple[tuple[str, float], ...], int] = {}
    places: dict[str, NDArray[np.intp]] = {}
    for target_set in target_sets:
        own: list[int] = []
        for target in target_set.expand():
            left = tuple(restricted(target, attributes).items())
            own.append(place_of.setdefault(left, len(place_of)) if left else -1)
        places[target_set.name] = np.array(own, dtype=np.intp)
    return Wishes(tuple(attributes), tuple(dict(left) for left in place_of), places)


def choices_of(indices: Sequence[int | None]) -> Choices:
    """Indices of selected candidates with None for none, as an array."""
    return np.array([-1 if index is None else index for index in indices], dtype=np.int8)


def selected_by(scores: Mapping[str, NDArray[np.float64]], wishes: Wishes) -> Choices:
    """The nearest candidate for each different target; -1 where an attribute has no scores."""
    chosen = np.full(len(wishes.unique), -1, dtype=np.int8)
    answerable, matrix = wishes.answerable(frozenset(scores))
    if len(answerable):
        array = np.stack([scores[name] for name in matrix.attributes], axis=1)
        chosen[answerable] = nearest(distances(array, matrix))
    return chosen


def _read(path: Path, levels: Levels) -> list[dict[str, float]]:
    """Targets of a JSON Lines file, `{"target": {…}}` or a bare mapping a line."""
    targets: list[dict[str, float]] = []
    try:
        # Not splitlines: it would also break at separators that JSON strings may hold.
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableTargets(f"{path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            given: Any = json.loads(line)
            wish = given.get("target", given)
            target = {str(name): float(value) for name, value in wish.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise UnusableTargets(f"{path}, line {number}: not a target: {error}") from error
        unknown = [name for name in target if name not in levels]
        if unknown or not target or not all(0 <= value <= 1 for value in target.values()):
            why = (
                f"{unknown[0]!r} is not an attribute that the scenarios label"
                if unknown
                else "values lie in [0, 1]"
            )
            raise UnusableTargets(f"{path}, line {number}: {why}")
        targets.append(target)
    if not targets:
        raise UnusableTargets(f"{path} has no targets")
    return targets
