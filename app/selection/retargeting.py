"""Retargeting: many targets over many score sets, in arrays and without the model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.calibrations.applied import Applied, Calibrated, Raw, Refused, Scored
from app.calibrations.applying import Calibrator
from app.domain.arrays import Floats
from app.domain.cells import Cell
from app.domain.plan import split_score_set_id
from app.domain.scenario import Presentation
from app.domain.selection.distance import distances
from app.domain.selection.ranking import nearest, rank
from app.domain.selection.targets import TargetMatrix, WeightlessTarget, target_matrix
from app.domain.selection.uncertainty import Limits, abstain
from app.errors import (
    AttributeNotScored,
    AzimuthError,
    FieldError,
    InvalidRequest,
    UnknownBank,
    UnknownScoreSet,
    escaped,
)
from app.scores.rendering import (
    Alignment,
    Column,
    aligned_scores,
    select_one,
    selection_out,
    wishes,
)
from app.scores.schemas import SelectionOut
from app.scoring.planning import check_metric, weightless
from app.selection.covariances import LabelCovariances
from app.selection.requests import BoundsIn, RetargetRequest
from app.store.recent_score_sets import RecentScoreSets
from app.store.score_sets import StoredScoreSet

MAX_PAIRS = 20_000
"""Pairs of score set and target that one request may have answered in full."""
MAX_COMPACT_PAIRS = 5_000_000
"""Pairs that one request may have answered as indices."""
MAX_DRAWN_PAIRS = 1_000
"""Pairs whose probabilities or explanations one request may ask for."""
MAX_ATTRIBUTES = 200
"""Different attributes that the targets of one request may name."""


@dataclass(frozen=True, slots=True)
class RetargetedSet:
    """One score set against all targets."""

    score_set_id: str
    problems: dict[int, AzimuthError]
    """Target index -> why there is no selection for it."""
    selected: list[int | None]
    """Index of the selected candidate for each target; None where there is none, be it for a
    problem or because a limit is missed."""
    selections: list[SelectionOut | None]
    """Full selections, one a target; empty when only indices were asked for."""
    calibrated: Calibrated | None = None
    """What the scores were calibrated by."""
    warning: str | None = None
    """Why they were not, though there is a calibration for their scorer."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The cells that targets name, in one score set."""

    cells: dict[str, tuple[str, Cell]]
    """Name as the targets have it -> cell field and cell."""
    lacking: dict[str, AzimuthError]

    def columns(self, attributes: Sequence[str]) -> list[Column]:
        """The cells of some attributes that are there."""
        return [self.cells[name] for name in attributes]


@dataclass(frozen=True, slots=True)
class _Task:
    """One score set with all that is needed to answer every target for it."""

    set_id: str
    stored: StoredScoreSet | None
    found: _Found
    calibrated: Applied
    covariance: Floats | AzimuthError | None
    """NaN for attributes that have their problem in `found.lacking`."""


class Retargeter:
    """Answers targets from the cache alone."""

    def __init__(
        self, score_sets: RecentScoreSets, covariances: LabelCovariances, calibrator: Calibrator
    ) -> None:
        self._score_sets = score_sets
        self._covariances = covariances
        self._calibrator = calibrator

    async def retarget(
        self,
        score_set_ids: Sequence[str],
        targets: Sequence[Mapping[str, float | BoundsIn]],
        request: RetargetRequest,
    ) -> list[RetargetedSet]:
        """Selections for every pair of score set and target; indices alone when `compact`.

        Raises `InvalidRequest` for weights on attributes that no target names, for more pairs or
        attributes than one request may have, and for bounds with a Mahalanobis distance.
        """
        alignment = Alignment.of(request)
        _check_size(len(score_set_ids), targets, _pair_limit(alignment, compact=request.compact))
        _check_weights(request.weights, targets)
        check_metric(request.distance, targets)
        try:
            matrix = target_matrix([wishes(target) for target in targets], request.weights)
        except WeightlessTarget as error:
            raise weightless() from error
        wanted = [split_score_set_id(score_set_id) for score_set_id in score_set_ids]
        stored = await self._score_sets.get(wanted, matrix.attributes, texts=alignment.explain)
        found = [_found(set_id, s, matrix) for set_id, s in zip(score_set_ids, stored, strict=True)]
        calibrated = await self._calibrator.apply(
            request.calibration,
            [_scored(w, s, f) for (w, _), s, f in zip(wanted, stored, found, strict=True)],
        )
        covariances = await self._covariances_for(stored, found, matrix, request)
        tasks = [
            _Task(*one)
            for one in zip(score_set_ids, stored, found, calibrated, covariances, strict=True)
        ]
        work = partial(_retarget_all, tasks, matrix, alignment, compact=request.compact)
        # In a thread: large requests take seconds, and other requests shall not wait for them.
        small = not alignment.chances and len(score_set_ids) * len(targets) < 1000
        return work() if small else await asyncio.to_thread(work)

    async def _covariances_for(
        self,
        stored: Sequence[StoredScoreSet | None],
        found: Sequence[_Found],
        matrix: TargetMatrix,
        request: RetargetRequest,
    ) -> list[Floats | AzimuthError | None]:
        """For each score set its covariance, None where the distance needs none, or the problem.

        What the bank does not label is added to what is lacking in the score set.
        """
        if request.distance != "mahalanobis":
            return [None] * len(stored)
        chosen = None
        if request.covariance_bank:
            chosen = await self._covariances.digest_of(request.covariance_bank)
        # A target may name a cell exactly, `name@digest`; banks know names.
        names = [name.partition("@")[0] for name in matrix.attributes]
        weights = request.weights or {}
        covariances: list[Floats | AzimuthError | None] = []
        for one, cells in zip(stored, found, strict=True):
            bank = one.scorer.bank.digest if one and one.scorer.bank else None
            try:
                covariance, unlabelled = await self._covariances.get(chosen or bank, names)
            except (InvalidRequest, UnknownBank) as error:
                covariances.append(error)
                continue
            covariances.append(covariance)
            for attribute, name in zip(matrix.attributes, names, strict=True):
                if name in unlabelled and weights.get(attribute, 1.0) > 0:
                    cells.lacking.setdefault(attribute, unlabelled[name])
        return covariances


def _found(set_id: str, stored: StoredScoreSet | None, matrix: TargetMatrix) -> _Found:
    if stored is None:
        return _Found({}, {})
    cells: dict[str, tuple[str, Cell]] = {}
    lacking: dict[str, AzimuthError] = {}
    for name in matrix.attributes:
        cell = _cell_for(set_id, stored, name)
        if isinstance(cell, AzimuthError):
            lacking[name] = cell
        else:
            cells[name] = cell
    return _Found(cells, lacking)


def _scored(
    score_set: str, stored: StoredScoreSet | None, found: _Found
) -> tuple[Scored, set[str]] | None:
    """What a calibration may read of a score set: every cell, whether a target names it or not."""
    if stored is None:
        return None
    scored = Scored(score_set, stored.fingerprint, stored.scorer, stored.scores, stored.surface)
    return scored, {field for field, _ in found.cells.values()}


def _retarget_all(
    tasks: Sequence[_Task], matrix: TargetMatrix, alignment: Alignment, *, compact: bool
) -> list[RetargetedSet]:
    return [_retarget_one(task, matrix, alignment, compact=compact) for task in tasks]


def _retarget_one(
    task: _Task, matrix: TargetMatrix, alignment: Alignment, *, compact: bool
) -> RetargetedSet:
    set_id, stored, found, covariance = task.set_id, task.stored, task.found, task.covariance
    count = len(matrix.values)
    if stored is None or not (stored.cells or stored.pending or stored.unscored):
        missing = UnknownScoreSet(
            f"no score set has the id {set_id!r}: it expired, or never was",
            fields=[FieldError("#/score_set_ids", f"{set_id!r} is unknown")],
            extensions={"score_set_id": set_id},
        )
        return _answerless(set_id, dict.fromkeys(range(count), missing), count)
    problems = _problems(set_id, matrix, found)
    if len(problems) == count:
        return _answerless(set_id, problems, count)
    if isinstance(task.calibrated, Refused):
        return _answerless(set_id, dict.fromkeys(range(count), task.calibrated.error()), count)
    if isinstance(covariance, AzimuthError):
        return _answerless(set_id, dict.fromkeys(range(count), covariance), count)
    calibrated = task.calibrated if isinstance(task.calibrated, Calibrated) else None
    warning = task.calibrated.warning if isinstance(task.calibrated, Raw) else None
    size = len(next(iter(found.cells.values()))[1].scores)
    presentation = stored.presentation or _canonical(size)
    answerable = np.setdiff1d(np.arange(count), list(problems), assume_unique=True)
    selections: list[SelectionOut | None] = [None] * count
    if alignment.explain or alignment.chances:
        # One by one: each has its own draws or its own linear algebra.
        for target in answerable.tolist():
            selections[target] = _select(
                found, calibrated, matrix, target, presentation, alignment, covariance
            )
    else:
        asked, within = _named(matrix.part(answerable) if problems else matrix, covariance)
        scores = aligned_scores(found.columns(asked.attributes), calibrated)
        scores = scores[list(presentation.positions)]
        distance = distances(scores, asked, alignment.metric, within)
        if compact:
            indices = np.full(count, _NONE)
            indices[answerable] = _compact(distance, alignment.limits)
            selected: list[int | None] = indices.tolist()
            for target in np.flatnonzero(indices == _NONE).tolist():  # few, of perhaps very many
                selected[target] = None
            return RetargetedSet(set_id, problems, selected, [], calibrated, warning)
        for target, own in zip(answerable.tolist(), distance, strict=True):
            selections[target] = _ranked(own, presentation, alignment)
    chosen = [s.selected.index if s is not None and s.selected else None for s in selections]
    return RetargetedSet(set_id, problems, chosen, selections, calibrated, warning)


_NONE = -1


def _named(matrix: TargetMatrix, covariance: Floats | None) -> tuple[TargetMatrix, Floats | None]:
    """Targets over the attributes that any of them names, and the covariance of these."""
    columns = np.flatnonzero(matrix.named.any(axis=0))
    within = None if covariance is None else covariance[np.ix_(columns, columns)]
    if len(columns) == len(matrix.attributes):
        return matrix, within
    return matrix.part(np.arange(len(matrix.values)), columns), within


def _compact(distance: Floats, limits: Limits) -> NDArray[np.intp]:
    """Indices of the nearest candidates, `_NONE` where a limit is missed: (T, C) -> (T,)."""
    missed = np.zeros(len(distance), dtype=np.bool_)
    if limits.max_distance is not None:
        missed |= distance.min(axis=1) > limits.max_distance
    if limits.min_margin is not None and distance.shape[1] > 1:
        first, second = np.partition(distance, 1, axis=1)[:, :2].T
        missed |= second - first < limits.min_margin
    return np.where(missed, _NONE, nearest(distance))


def _ranked(distance: Floats, presentation: Presentation, alignment: Alignment) -> SelectionOut:
    """The full selection from the (C,) distances of one target."""
    selection = rank(distance)
    missed = abstain(selection, None, alignment.limits)
    return selection_out(selection, presentation.ids, missed=missed)


def _select(
    found: _Found,
    calibrated: Calibrated | None,
    matrix: TargetMatrix,
    target: int,
    presentation: Presentation,
    alignment: Alignment,
    covariance: Floats | None,
) -> SelectionOut:
    """The full selection for one of the targets, over the attributes that it names."""
    single, within = _named(matrix.part(np.array([target])), covariance)
    columns = found.columns(single.attributes)
    return select_one(columns, presentation, single, alignment, within, calibrated)


def _answerless(set_id: str, problems: dict[int, AzimuthError], count: int) -> RetargetedSet:
    return RetargetedSet(set_id, problems, [None] * count, [None] * count)


def _cell_for(set_id: str, stored: StoredScoreSet, name: str) -> tuple[str, Cell] | AzimuthError:
    """The cell that a target means by a name, with its field, or why there is none."""
    cells = stored.named(name)
    if len(cells) == 1:
        return next(iter(cells.items()))
    if len(cells) > 1:
        exact = sorted(cells)
        return AttributeNotScored(
            f"score set {set_id!r} has scores for {len(cells)} definitions of {name!r}; "
            f"name one of {', '.join(exact)}",
            fields=[FieldError(f"#/targets/{escaped(name)}", "has several definitions")],
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
    known = sorted({cell.attribute for cell in stored.cells.values() if cell.kind == "score"})
    return AttributeNotScored(
        f"score set {set_id!r} has no scores for {name!r}{why}",
        fields=[FieldError(f"#/targets/{escaped(name)}", "is not scored")],
        extensions={"score_set_id": set_id, "missing": [name], "scored": known},
    )


def _problems(set_id: str, matrix: TargetMatrix, found: _Found) -> dict[int, AzimuthError]:
    """One problem a target, naming all that it lacks; targets that lack the same share it."""
    problems = _named_twice(set_id, matrix, found)
    columns = [a for a, name in enumerate(matrix.attributes) if name in found.lacking]
    names = [matrix.attributes[a] for a in columns]
    needed = matrix.named[:, columns]
    made: dict[bytes, AzimuthError] = {}
    for target in np.flatnonzero(needed.any(axis=1)).tolist():
        key = needed[target].tobytes()
        if key not in made:
            told = zip(names, needed[target], strict=True)
            made[key] = _merged([found.lacking[name] for name, is_named in told if is_named])
        problems[target] = made[key]
    return problems


def _named_twice(set_id: str, matrix: TargetMatrix, found: _Found) -> dict[int, AzimuthError]:
    """Targets with two wishes for one cell, which `name` and `name@digest` may both mean."""
    columns_of: dict[str, list[int]] = {}
    for a, name in enumerate(matrix.attributes):
        if name in found.cells:
            columns_of.setdefault(found.cells[name][0], []).append(a)
    problems: dict[int, AzimuthError] = {}
    for columns in columns_of.values():
        if len(columns) == 1:
            continue
        names = [matrix.attributes[a] for a in columns]
        says = f"{' and '.join(map(repr, names))} are the same scores: a target may name one"
        error = InvalidRequest(
            says,
            fields=[FieldError(f"#/targets/{escaped(name)}", says) for name in names],
            extensions={"score_set_id": set_id},
        )
        twice = matrix.named[:, columns].sum(axis=1) > 1
        problems |= dict.fromkeys(np.flatnonzero(twice).tolist(), error)
    return problems


def _merged(errors: Sequence[AzimuthError]) -> AzimuthError:
    for error in errors:
        if not isinstance(error, AttributeNotScored):
            return error
    missing = [name for error in errors for name in _list(error.extensions.get("missing"))]
    extensions = dict(errors[0].extensions)
    for error in errors:
        extensions |= error.extensions
    if missing:
        extensions["missing"] = missing
    return AttributeNotScored(
        "; ".join(error.detail for error in errors),
        fields=[field for error in errors for field in error.fields],
        extensions=extensions,
    )


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _canonical(size: int) -> Presentation:
    """The presentation of a bare score set id: canonical order, and its indices as ids."""
    return Presentation(tuple(str(i) for i in range(size)), tuple(range(size)))


def _pair_limit(alignment: Alignment, *, compact: bool) -> int:
    if compact:
        return MAX_COMPACT_PAIRS
    return MAX_DRAWN_PAIRS if alignment.chances else MAX_PAIRS


def _check_size(sets: int, targets: Sequence[Mapping[str, object]], limit: int) -> None:
    if sets * len(targets) > limit:
        says = f"{sets} score sets x {len(targets)} targets are more than {limit} pairs"
        if limit == MAX_DRAWN_PAIRS:
            says += f"; without explain and min_probability there may be {MAX_PAIRS}"
        if limit != MAX_COMPACT_PAIRS:
            says += f"; with compact there may be {MAX_COMPACT_PAIRS}"
        raise InvalidRequest(says, fields=[FieldError("#/targets", says)])
    names = {name for target in targets for name in target}
    if len(names) > MAX_ATTRIBUTES:
        says = f"the targets name {len(names)} attributes, more than {MAX_ATTRIBUTES}"
        raise InvalidRequest(says, fields=[FieldError("#/targets", says)])


def _check_weights(
    weights: Mapping[str, float] | None, targets: Sequence[Mapping[str, object]]
) -> None:
    if not weights:
        return
    named = {name for target in targets for name in target}
    stray = [name for name in weights if name not in named]
    if stray:
        raise InvalidRequest(
            f"weight for {stray[0]!r}, which no target names",
            fields=[
                FieldError(f"#/weights/{escaped(name)}", "no target names it") for name in stray
            ],
        )
