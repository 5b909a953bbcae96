"""What choosing for people and groups is worth, with SPICA's ratings; people there are unknown.

Folds are blocks of people who rated the same prompts: nobody's ratings, and none of a prompt's,
help to predict the others of the block.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.people.fairness import FAIRNESS, fair_choice, own_choices
from app.domain.people.model import PeopleModel, fit
from app.domain.people.visits import Visits, visits_of
from app.domain.ratings.table import RatingTable

Kind = Literal["rating", "text_rating"]
OWN = (0, 1, 2, 3, 5, 10)
"""Scenarios of which a person's own ratings are known."""
_KEPT_ASIDE = 10
"""Place from which a person's prompts are never known: the same ones for all numbers in `OWN`."""
FOLDS = 10
DRAWS = 5
"""Times that each person's prompts are shuffled."""


def read_ratings(paths: Sequence[Path], kind: Kind) -> RatingTable:
    """The ratings of SPICA's files, with or without texts."""
    scenarios = [
        json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()
    ]
    rows = [
        (place, r["response"], r["rater"], float(r[kind]))
        for place, one in enumerate(scenarios)
        for r in one["ratings"]
    ]
    group_of = {r["rater"]: r["group"] for one in scenarios for r in one["ratings"]}
    raters = {name: place for place, name in enumerate(sorted(group_of))}
    groups = sorted(set(group_of.values()))
    classes = tuple(scenarios[0]["strategies"])
    return RatingTable(
        scenario=np.array([row[0] for row in rows]),
        response=np.array([row[1] for row in rows]),
        rater=np.array([raters[row[2]] for row in rows]),
        value=np.array([row[3] for row in rows]),
        scenarios=tuple(one["id"] for one in scenarios),
        raters=tuple(raters),
        groups=tuple(groups),
        membership=np.array([[group_of[name] == group for group in groups] for name in raters]),
        classes=classes,
        response_class=np.array(
            [[classes.index(s) for s in one["strategies"]] for one in scenarios]
        ),
        scale=(1.0, 5.0),
    )


@dataclass(frozen=True)
class Curve:
    """What so many own ratings are worth. One entry a person."""

    own: int
    gain: Floats
    """Mean rating of what was chosen, less that of the class means' choice"""
    inside: Floats
    """(people, classes), share of ratings in the 80 % interval"""
    error: Floats
    """Root of the mean squared error of expected ratings"""


@dataclass(frozen=True)
class Fold:
    """A fit without some blocks of people, and their visits."""

    model: PeopleModel
    visits: Visits
    people: NDArray[np.intp]


def folds(table: RatingTable, seed: int = 0) -> Iterator[Fold]:
    """Blocks of people who share prompts, kept aside in turns."""
    visits = visits_of(table)
    first = np.full(len(table.raters), np.iinfo(np.int64).max)
    np.minimum.at(first, visits.person, visits.scenario)
    blocks, block_of = np.unique(first, return_inverse=True)
    fold_of = np.random.default_rng(seed).permutation(len(blocks))[block_of] % FOLDS
    for fold in range(FOLDS):
        aside = fold_of == fold
        if aside.any():
            yield Fold(fit(table, ~aside), visits, np.flatnonzero(aside))


def learning_curve(table: RatingTable, seed: int = 0, draws: int = DRAWS) -> list[Curve]:
    """Gain and coverage for people of whom `OWN` scenarios are known, on prompts that are not."""
    source = np.random.default_rng(seed)
    count, size = len(table.raters), len(table.classes)
    gain = np.zeros((len(OWN), count))
    inside = np.zeros((len(OWN), count, size))
    error = np.zeros((len(OWN), count))
    for fold in folds(table, seed):
        by_mean = int(fold.model.spread.mean.argmax())
        for person in fold.people:
            ratings = fold.visits.ratings[fold.visits.person == person]
            for _ in range(draws):
                shuffled = source.permutation(ratings)
                new = shuffled[_KEPT_ASIDE:]
                for place, known in enumerate(OWN):
                    estimate = fold.model.person(shuffled[:known])
                    low, high = fold.model.interval(estimate)
                    chosen = int(estimate.mean.argmax())
                    gain[place, person] += np.nanmean(new[:, chosen] - new[:, by_mean])
                    inside[place, person] += np.nanmean((new >= low) & (new <= high), axis=0)
                    error[place, person] += np.sqrt(np.nanmean((new - estimate.mean) ** 2))
    return [
        Curve(known, gain[i] / draws, inside[i] / draws, error[i] / draws)
        for i, known in enumerate(OWN)
    ]


@dataclass(frozen=True)
class GroupValue:
    """What a way to choose gets people of groups whose ratings were kept aside."""

    way: str
    value: Floats
    """(folds,), mean rating of the choice; each group counts alike"""
    regret: Floats
    """(folds,), less than the best class for each group would have got, known afterwards"""
    worst: Floats
    """(folds,), the same for the group that loses most"""


def group_values(table: RatingTable, seed: int = 0) -> list[GroupValue]:
    """Choices of one class of response: of class means, for each group, and one for all groups."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for fold in folds(table, seed):
        means = np.full((len(table.raters), len(table.classes)), np.nan)
        means[fold.people] = fold.visits.means()[fold.people]
        true = np.array([np.nanmean(means[table.membership[:, g]], axis=0) for g in _groups(table)])
        model, every = fold.model, np.arange(len(table.groups))
        shrunk = np.array([model.group(g).mean for g in _groups(table)])
        ways = {
            "class means": np.full(len(every), model.spread.mean.argmax()),
            "group's own means": own_choices(model.groups.raw),
            "group's means as supported": own_choices(shrunk),
        }
        for rule in FAIRNESS:
            one = fair_choice(shrunk, rule, model.scale).candidate
            ways[f"one for all: {rule}"] = np.full(len(every), one)
        for way, chosen in ways.items():
            got = true[every, chosen]
            lost = true.max(axis=1) - got
            found.setdefault(way, []).append((got.mean(), lost.mean(), lost.max()))
    return [GroupValue(way, *map(np.array, zip(*rows, strict=True))) for way, rows in found.items()]


def _groups(table: RatingTable) -> range:
    return range(len(table.groups))
