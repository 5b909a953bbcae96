"""Selections for one score set and all targets, on arrays. Pure.

Shapes: `T` targets, `C` candidates, `A` attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.calibrations.applied import Calibrated
from app.domain.arrays import Floats
from app.domain.cells import Cell
from app.domain.scenario import Presentation
from app.domain.score_set import ScoreSet
from app.domain.selection.distance import distances
from app.domain.selection.explanation import explain
from app.domain.selection.ranking import nearest, rank
from app.domain.selection.targets import TargetMatrix
from app.domain.selection.uncertainty import (
    Limits,
    OwnErrors,
    ScoreErrors,
    abstain,
    probabilities,
    standard_errors,
)
from app.schema import Rendered
from app.selection.options import Options
from app.selection.problems import Lack, PairProblem, lack_of, named_twice, problem_of
from app.selection.rendering import Chosen, selection_out

_NONE = -1


class SetSelections(Struct, frozen=True):
    """The selections for one score set and all targets."""

    score_set_id: str
    problems: dict[int, PairProblem]
    """Target index -> why there is no selection."""
    selected: list[int | None]
    """Index of the selected candidate for each target; None for a problem or an abstention."""
    selections: list[Rendered | None]
    """A `SelectionOut` for each target; empty for compact requests."""
    calibrated: Calibrated | None = None
    warning: str | None = None
    """Why scores are raw although the scorer has a calibration."""


@dataclass(slots=True)
class NamedCells:
    """The cells of one score set that the targets name."""

    cells: dict[str, tuple[str, Cell]]
    """Name in the targets -> field and scored cell."""
    lacks: dict[str, Lack]
    """Name in the targets -> why it has no usable score."""

    @classmethod
    def of(cls, score_set: ScoreSet, attributes: Sequence[str]) -> NamedCells:
        """Look up the cells of all attributes in the targets."""
        cells: dict[str, tuple[str, Cell]] = {}
        lacks: dict[str, Lack] = {}
        for name in attributes:
            states = score_set.named(name).items()
            scored = [(field, cell) for field, cell in states if isinstance(cell, Cell)]
            if len(scored) == 1:
                cells[name] = scored[0]
            else:
                lacks[name] = lack_of(score_set, name)
        return cls(cells, lacks)

    @property
    def fields(self) -> set[str]:
        """Fields of the scored cells."""
        return {field for field, _ in self.cells.values()}


class ChoosingTask(Struct, frozen=True):
    """One score set, with everything needed to select for all targets."""

    score_set: ScoreSet
    named: NamedCells
    calibrated: Calibrated | None
    warning: str | None
    covariance: Floats | None
    """(A, A); NaN for attributes in `named.lacks`."""
    problem: PairProblem | None = None
    """A problem of the whole score set, for targets without a problem of their own."""

    @property
    def has_errors(self) -> bool:
        """Whether the errors of scores are known. Probabilities then take many draws."""
        return self.calibrated is not None or any(
            score.digits is not None or len(score.values) > 1
            for _, cell in self.named.cells.values()
            for score in cell.scores
        )


def select_all(task: ChoosingTask, targets: TargetMatrix, options: Options) -> SetSelections:
    """Select for all targets."""
    count = len(targets.values)
    score_set = task.score_set
    problems = named_twice(
        score_set, targets, {name: field for name, (field, _) in task.named.cells.items()}
    )
    usable, ignored = _without_unscored(targets, task.named, options)
    problems |= _lacking(score_set, usable, targets, task.named)
    if len(problems) == count:
        return unanswered(score_set.id, problems, count)
    if task.problem is not None:
        return unanswered(score_set.id, dict.fromkeys(range(count), task.problem), count)
    answerable = np.arange(count)
    if problems:
        answerable = np.setdiff1d(answerable, list(problems), assume_unique=True)
    chooser = _Chooser(task, options, presentation_of(score_set, task.named))
    if options.compact:
        indices = np.full(count, _NONE)
        indices[answerable] = chooser.indices(usable.part(answerable) if problems else usable)
        selected: list[int | None] = indices.tolist()
        for target in np.flatnonzero(indices == _NONE).tolist():  # usually few
            selected[target] = None
        return SetSelections(score_set.id, problems, selected, [], task.calibrated, task.warning)
    selections: list[Rendered | None] = [None] * count
    if not options.one_by_one:
        chosen = chooser.many(usable.part(answerable) if problems else usable)
    elif count == 1:
        chosen = [chooser.one(usable)]
    else:
        chosen = [chooser.one(usable.part(np.array([target]))) for target in answerable.tolist()]
    for target, selection in zip(answerable.tolist(), chosen, strict=True):
        selection["ignored"] = ignored.get(target, [])
        selections[target] = selection
    first = [s["selected"]["index"] if s and s["selected"] else None for s in selections]
    return SetSelections(score_set.id, problems, first, selections, task.calibrated, task.warning)


def unanswered(score_set_id: str, problems: dict[int, PairProblem], count: int) -> SetSelections:
    """The result for a score set with a problem for every target."""
    return SetSelections(score_set_id, problems, [None] * count, [None] * count)


def presentation_of(score_set: ScoreSet, named: NamedCells) -> Presentation:
    """The caller's ids and order of candidates; for a bare digest, indices in canonical order."""
    if score_set.presentation is not None:
        return score_set.presentation
    size = len(next(iter(named.cells.values()))[1].scores)
    return Presentation(tuple(str(i) for i in range(size)), tuple(range(size)))


def _without_unscored(
    targets: TargetMatrix, named: NamedCells, options: Options
) -> tuple[TargetMatrix, dict[int, list[str]]]:
    """The targets without ignored unscored attributes, and the ignored attributes by target.

    A target keeps its unscored attributes if it has no others.
    """
    if not named.lacks or not options.ignore_unscored:
        return targets, {}
    columns = [
        a
        for a, name in enumerate(targets.attributes)
        if name in named.lacks and named.lacks[name].unscored is not None
    ]
    if not columns:
        return targets, {}
    rest = targets.counting.copy()
    rest[:, columns] = False
    rows = np.flatnonzero(rest.any(axis=1) & targets.named[:, columns].any(axis=1))
    ignored = {
        row: [targets.attributes[a] for a in columns if targets.named[row, a]]
        for row in rows.tolist()
    }
    return targets.without(rows, np.array(columns)), ignored


def _lacking(
    score_set: ScoreSet, usable: TargetMatrix, targets: TargetMatrix, named: NamedCells
) -> dict[int, PairProblem]:
    """The problem of each target with missing scores. Targets that lack the same share one."""
    if not named.lacks:
        return {}
    columns = [a for a, name in enumerate(targets.attributes) if name in named.lacks]
    lacks = [named.lacks[targets.attributes[a]] for a in columns]
    needed = usable.named[:, columns]
    shared: dict[bytes, PairProblem] = {}
    problems: dict[int, PairProblem] = {}
    for target in np.flatnonzero(needed.any(axis=1)).tolist():
        key = needed[target].tobytes()
        if key not in shared:
            own = [lack for lack, is_needed in zip(lacks, needed[target], strict=True) if is_needed]
            shared[key] = problem_of(score_set, own)
        problems[target] = shared[key]
    return problems


class _Chooser:
    """Compares one score set with targets whose attributes all have scores."""

    def __init__(self, task: ChoosingTask, options: Options, presentation: Presentation) -> None:
        self._task = task
        self._options = options
        self._presentation = presentation
        self._positions = list(presentation.positions)

    def indices(self, targets: TargetMatrix) -> NDArray[np.intp]:
        """The nearest candidate for each target, `_NONE` for an abstention: (T,)."""
        distance = self._distances(targets)
        return np.where(_misses(distance, self._options.limits), _NONE, nearest(distance))

    def many(self, targets: TargetMatrix) -> list[Rendered]:
        """Selections without probabilities and explanations."""
        selections: list[Rendered] = []
        for distance in self._distances(targets):
            selection = rank(distance)
            missed = abstain(selection, None, self._options.limits)
            chosen = Chosen(selection, abstention=missed, calibrated=self._task.calibrated)
            selections.append(selection_out(chosen, self._presentation.ids))
        return selections

    def one(self, target: TargetMatrix) -> Rendered:
        """The selection for one target, with the requested probabilities and explanation.

        May take seconds with many candidates: do not call it in an event loop.
        """
        target, covariance = _named_part(target, self._task.covariance)
        metric = self._options.metric
        cells = [self._task.named.cells[name] for name in target.attributes]
        canonical = compared_scores(cells, self._task.calibrated)
        scores = canonical[self._positions]
        selection = rank(distances(scores, target, metric, covariance)[0])
        errors = score_errors(cells, self._task.calibrated) if self._options.probabilities else None
        chances = None
        if errors is not None:
            # Over distinct texts: duplicates must not split the probability of being the nearest.
            chances = probabilities(canonical, errors, target, metric, covariance)[self._positions]
        nearest_chance = None if chances is None else float(chances[selection.selected.index])
        wanted = self._options.explain
        chosen = Chosen(
            selection,
            probabilities=chances,
            abstention=abstain(selection, nearest_chance, self._options.limits),
            explanation=explain(scores, target, metric, covariance) if wanted else None,
            reasonings=self._reasonings(cells) if wanted else {},
            calibrated=self._task.calibrated,
        )
        return selection_out(chosen, self._presentation.ids)

    def _reasonings(self, cells: Sequence[tuple[str, Cell]]) -> Mapping[str, list[str | None]]:
        return {
            cell.attribute: [cell.scores[position].reasoning for position in self._positions]
            for _, cell in cells
        }

    def _distances(self, targets: TargetMatrix) -> Floats:
        """Distances, candidates in the caller's order: (T, C)."""
        asked, covariance = _named_part(targets, self._task.covariance)
        cells = [self._task.named.cells[name] for name in asked.attributes]
        scores = compared_scores(cells, self._task.calibrated)[self._positions]
        return distances(scores, asked, self._options.metric, covariance)


def compared_scores(cells: Sequence[tuple[str, Cell]], calibrated: Calibrated | None) -> Floats:
    """The scores that targets are compared with, calibrated if possible: (C, A).

    Candidates are in canonical order. `cells` are pairs of field and cell.
    """
    if calibrated is not None:
        return calibrated.estimate.scores[:, calibrated.columns([field for field, _ in cells])]
    scores = [[score.score for score in cell.scores] for _, cell in cells]
    return np.array(scores, dtype=np.float64).T


def score_errors(
    cells: Sequence[tuple[str, Cell]], calibrated: Calibrated | None
) -> ScoreErrors | None:
    """The errors of `compared_scores`; None if they are unknown."""
    if calibrated is not None:
        return calibrated.estimate.errors.within(calibrated.columns([field for field, _ in cells]))
    return own_errors([cell for _, cell in cells])


def own_errors(cells: Sequence[Cell]) -> OwnErrors | None:
    """The standard errors of raw scores, (C, A); None if any of them is unknown."""
    errors = [standard_errors(cell.scores) for cell in cells]
    known = [one for one in errors if one is not None]
    if len(known) < len(errors):
        return None
    return OwnErrors(
        np.array([one.deviations for one in known]).T, np.array([one.freedom for one in known])
    )


def _named_part(
    targets: TargetMatrix, covariance: Floats | None
) -> tuple[TargetMatrix, Floats | None]:
    """The targets and the covariance, restricted to attributes that some target names."""
    if targets.alike or targets.named.all():
        return targets, covariance
    columns = np.flatnonzero(targets.named.any(axis=0))
    within = None if covariance is None else covariance[np.ix_(columns, columns)]
    if len(columns) == len(targets.attributes):
        return targets, within
    return targets.part(np.arange(len(targets.values)), columns), within


def _misses(distance: Floats, limits: Limits) -> NDArray[np.bool_]:
    """Whether the selection for each target misses a margin or distance limit: (T, C) -> (T,)."""
    missed = np.zeros(len(distance), dtype=np.bool_)
    if limits.max_distance is not None:
        missed |= distance.min(axis=1) > limits.max_distance
    if limits.min_margin is not None and distance.shape[1] > 1:
        first, second = np.partition(distance, 1, axis=1)[:, :2].T
        missed |= second - first < limits.min_margin
    return missed
