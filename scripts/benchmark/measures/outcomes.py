"""Which selections are correct: the candidate whose labels lie nearest the target is.

Shapes: `S` scenarios, `T` targets of a set, `C` candidates of a scenario. Pairs are pairs of a
scenario and a target.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.domain.selection.distance import distances
from app.domain.selection.ranking import TIE_TOLERANCE
from app.domain.selection.targets import TargetMatrix, target_matrix
from scripts.benchmark.measures.estimates import Floats
from scripts.benchmark.records.choices import decode_choices
from scripts.benchmark.records.results import Labels, ScenarioResult, TargetSet, common_attributes

Bools = NDArray[np.bool_]

Bytes = NDArray[np.int8]


CORRECT = 1

WRONG = 0

UNSELECTED = -1

TIED = -2

UNLABELLED = -3
"""Outcomes of pairs. Those below 0 are left out of every accuracy: nothing was selected, all
candidates lie equally near the target, or the scenario labels no attribute of the target."""


class Pairs(Struct, frozen=True):
    """The outcome of every pair of a run on one target set."""

    ids: tuple[str, ...]
    """Ids of the `S` scenarios."""
    outcomes: Bytes
    """(S, T): `CORRECT`, `WRONG`, `UNSELECTED`, `TIED` or `UNLABELLED`."""
    nearest: Bytes
    """(S, T): how many candidates lie nearest the target."""
    candidates: Bytes
    """(S,): how many candidates the scenario has."""
    sizes: Bytes
    """(S, T): attributes that the target names and the scenario labels."""


class Restricted(Struct, frozen=True):
    """The targets of a set, restricted to the attributes that some scenarios label."""

    matrix: TargetMatrix
    """The `U` targets that still differ."""
    place: NDArray[np.intp]
    """(T,): which of them each target of the set has become."""
    sizes: Bytes
    """(T,): attributes that are left."""


def restrict(targets: TargetMatrix, attributes: Iterable[str]) -> Restricted:
    """Restrict targets to `attributes`, and merge those that become equal."""
    known = set(attributes)
    columns = [i for i, name in enumerate(targets.attributes) if name in known]
    values, named = targets.values[:, columns], targets.named[:, columns]
    if len(columns) == len(targets.attributes) or not columns or not len(values):
        first = place = np.arange(len(values), dtype=np.intp)
    else:
        key = np.where(named, values, -1.0)  # no wish is below 0
        _, first, place = np.unique(key, axis=0, return_index=True, return_inverse=True)
    matrix = TargetMatrix(
        tuple(targets.attributes[i] for i in columns),
        values[first],
        targets.weights[:, columns][first],
        named[first],
    )
    return Restricted(matrix, place.reshape(-1), named.sum(axis=1).astype(np.int8))


def correct_candidates(labels: Labels, targets: TargetMatrix) -> Bools:
    """Which candidates' labels lie nearest each target (section 5.1, alignment score): (T, C).

    Every attribute of `targets` must be labelled for all candidates. Where a target names none,
    all candidates are equally near.
    """
    values = np.array([[label[name] for name in targets.attributes] for label in labels])
    distance = distances(values.reshape(len(labels), len(targets.attributes)), targets)
    limit: Floats = distance.min(axis=1, keepdims=True) + TIE_TOLERANCE
    return np.asarray(distance <= limit)


def pairs_of(scenarios: Sequence[ScenarioResult], target_set: TargetSet) -> Pairs:
    """Whether the candidate nearest by labels was selected, for each scenario and target.

    Raises `ValueError` when a scenario's selections do not fit the set.
    """
    targets = target_matrix(target_set.expand())
    shape = (len(scenarios), len(targets.values))
    outcomes, nearest, sizes = (np.zeros(shape, dtype=np.int8) for _ in range(3))
    seen: dict[frozenset[str], Restricted] = {}
    for row, scenario in enumerate(scenarios):
        attributes = frozenset(common_attributes(scenario.labels))
        if attributes not in seen:
            seen[attributes] = restrict(targets, attributes)
        group = seen[attributes]
        correct = correct_candidates(scenario.labels, group.matrix)
        choices = selections(scenario, target_set.name, shape[1])
        outcomes[row] = correct[group.place, np.maximum(choices, 0)]
        outcomes[row, choices < 0] = UNSELECTED
        nearest[row] = correct.sum(axis=1)[group.place]
        outcomes[row, nearest[row] == len(scenario.labels)] = TIED
        outcomes[row, group.sizes == 0] = UNLABELLED
        sizes[row] = group.sizes
    candidates = np.array([len(s.labels) for s in scenarios], dtype=np.int8)
    return Pairs(tuple(s.id for s in scenarios), outcomes, nearest, candidates, sizes)


def selections(scenario: ScenarioResult, target_set: str, targets: int) -> Bytes:
    """Index of the selected candidate for each of `targets` targets, -1 for none: (T,).

    Raises `ValueError` for another number of letters, or one that is no candidate's.
    """
    choices = decode_choices(scenario.selected.get(target_set, "-" * targets))
    if len(choices) != targets:
        raise ValueError(
            f"scenario {scenario.id}: {len(choices)} selections for the {targets} targets of "
            f"{target_set!r}"
        )
    if len(choices) and not -1 <= choices.min() <= choices.max() < len(scenario.labels):
        raise ValueError(f"scenario {scenario.id}: a selection for {target_set!r} is no candidate")
    return choices
