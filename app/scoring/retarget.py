"""Retargeting: many targets over many score sets, in arrays and without the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from app.domain.align import (
    Distance,
    Floats,
    TargetMatrix,
    WeightlessTarget,
    distances,
    nearest,
    rank,
    target_matrix,
)
from app.domain.plan import split_score_set_id
from app.domain.types import Cell, Presentation
from app.errors import AttributeNotScored, AzimuthError, FieldError, InvalidRequest, UnknownScoreSet
from app.scoring.planning import weightless
from app.scoring.present import score_matrix, selection_out
from app.scoring.schemas import SelectionOut
from app.store.cells import StoredScoreSet
from app.store.recent import RecentScoreSets


@dataclass(frozen=True, slots=True)
class RetargetedSet:
    """One score set against all targets."""

    score_set_id: str
    ids: tuple[str, ...]
    distance: Floats
    """(T, C); NaN in the rows of targets that cannot be answered."""
    problems: dict[int, AzimuthError]
    """Target index -> why there is no selection for it."""

    def compact(self) -> list[int | None]:
        """Index of the selected candidate for each target; None where there is none."""
        if not self.problems:
            chosen: list[int | None] = nearest(self.distance).tolist()
            return chosen
        if len(self.problems) == len(self.distance):
            return [None] * len(self.distance)
        good = np.array([t not in self.problems for t in range(len(self.distance))])
        answer: list[int | None] = [None] * len(good)
        for target, index in zip(
            np.flatnonzero(good).tolist(), nearest(self.distance[good]).tolist(), strict=True
        ):
            answer[target] = index
        return answer

    def selection(self, target: int) -> SelectionOut | AzimuthError:
        """The full selection for one target."""
        problem = self.problems.get(target)
        return problem or selection_out(rank(self.distance[target]), self.ids)


class Retargeter:
    """Answers targets from the cache alone."""

    def __init__(self, score_sets: RecentScoreSets) -> None:
        self._score_sets = score_sets

    async def retarget(
        self,
        score_set_ids: Sequence[str],
        targets: Sequence[Mapping[str, float]],
        weights: Mapping[str, float] | None,
        distance: Distance,
    ) -> list[RetargetedSet]:
        """Distances for every pair of score set and target.

        Raises `InvalidRequest` for weights on attributes that no target names.
        """
        _check_weights(weights, targets)
        try:
            matrix = target_matrix(targets, weights)
        except WeightlessTarget as error:
            raise weightless() from error
        wanted = [split_score_set_id(score_set_id) for score_set_id in score_set_ids]
        stored = await self._score_sets.get(wanted, matrix.attributes)
        return [
            _retarget_one(set_id, index, score_set, matrix, distance)
            for index, (set_id, score_set) in enumerate(zip(score_set_ids, stored, strict=True))
        ]


def _retarget_one(
    set_id: str,
    set_index: int,
    stored: StoredScoreSet | None,
    matrix: TargetMatrix,
    metric: Distance,
) -> RetargetedSet:
    count = len(matrix.values)
    if stored is None or not (stored.cells or stored.pending or stored.unscored):
        missing = UnknownScoreSet(
            f"no score set has the id {set_id!r}: it expired, or never was",
            fields=[FieldError(f"#/score_set_ids/{set_index}", "unknown")],
            extensions={"score_set_id": set_id},
        )
        return RetargetedSet(set_id, (), np.empty((count, 0)), dict.fromkeys(range(count), missing))
    lacking: dict[str, AzimuthError] = {}
    found: dict[str, Cell] = {}
    for name in matrix.attributes:
        cell = _cell_for(set_id, stored, name)
        if isinstance(cell, Cell):
            found[name] = cell
        else:
            lacking[name] = cell
    problems = _problems(matrix, lacking)
    if len(problems) == count:
        return RetargetedSet(set_id, (), np.empty((count, 0)), problems)
    size = len(next(iter(found.values())).scores)
    presentation = stored.presentation or _canonical(size)
    scores = np.zeros((len(presentation.ids), len(matrix.attributes)))
    have = [a for a, name in enumerate(matrix.attributes) if name in found]
    scores[:, have] = score_matrix([found[matrix.attributes[a]] for a in have], presentation)
    if lacking:
        weights = matrix.weights.copy()
        weights[:, [a for a in range(len(matrix.attributes)) if a not in have]] = 0
        matrix = replace(matrix, weights=weights)
    return RetargetedSet(set_id, presentation.ids, distances(scores, matrix, metric), problems)


def _cell_for(set_id: str, stored: StoredScoreSet, name: str) -> Cell | AzimuthError:
    cells = stored.named(name)
    if len(cells) == 1:
        return cells[0]
    if len(cells) > 1:
        exact = sorted(field for field, cell in stored.cells.items() if cell.attribute == name)
        return AttributeNotScored(
            f"score set {set_id!r} has scores for {len(cells)} definitions of {name!r}; "
            f"name one of {', '.join(exact)}",
            extensions={"score_set_id": set_id, "ambiguous": exact},
        )
    why = next(
        (
            f": {u.reason}, {u.detail}"
            for field, u in stored.unscored.items()
            if name in (field, u.attribute)
        ),
        "",
    )
    if name in stored.pending.values() or name in stored.pending:
        why = ": it is still being scored"
    known = sorted({cell.attribute for cell in stored.cells.values()})
    return AttributeNotScored(
        f"score set {set_id!r} has no scores for {name!r}{why}",
        extensions={"score_set_id": set_id, "missing": [name], "scored": known},
    )


def _problems(matrix: TargetMatrix, lacking: dict[str, AzimuthError]) -> dict[int, AzimuthError]:
    problems: dict[int, AzimuthError] = {}
    for a, name in enumerate(matrix.attributes):
        if name not in lacking:
            continue
        error = lacking[name]
        for target in np.flatnonzero(matrix.named[:, a]).tolist():
            if target in problems:
                problems[target] = _merged(problems[target], error)
            else:
                problems[target] = error
    return problems


def _merged(first: AzimuthError, second: AzimuthError) -> AzimuthError:
    missing = [
        *_list(first.extensions.get("missing")),
        *_list(second.extensions.get("missing")),
    ]
    return AttributeNotScored(
        f"{first.detail}; {second.detail}",
        extensions={**second.extensions, **first.extensions, "missing": missing},
    )


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _canonical(size: int) -> Presentation:
    """The presentation of a bare score set id: canonical order, and its indices as ids."""
    return Presentation(tuple(str(i) for i in range(size)), tuple(range(size)))


def _check_weights(
    weights: Mapping[str, float] | None, targets: Sequence[Mapping[str, float]]
) -> None:
    stray = [name for name in weights or {} if not any(name in target for target in targets)]
    if stray:
        raise InvalidRequest(
            f"weight for {stray[0]!r}, which no target names",
            fields=[FieldError(f"#/weights/{name}", "no target names it") for name in stray],
        )
