"""From score sets and targets to selections, for one pair or many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

import numpy as np

from app.calibrations.applied import Applied, Calibrated, Raw, Refused
from app.calibrations.applying import Calibrator
from app.calibrations.opened import Opened
from app.domain.arrays import Floats
from app.domain.plan import ScorePlan
from app.domain.score_set import ScoreSet
from app.domain.selection.distributions import DISTRIBUTION_METRICS
from app.domain.selection.targets import (
    Settled,
    TargetMatrix,
    WeightlessTarget,
    Wish,
    target_matrix,
    weighed,
    with_curves,
)
from app.errors import InvalidRequest, UnknownBank
from app.schema import Rendered
from app.selection.checks import weightless
from app.selection.choosing import (
    ChoosingTask,
    NamedCells,
    SetSelections,
    compared_scores,
    presentation_of,
    select_all,
    unanswered,
)
from app.selection.covariances import LabelCovariances
from app.selection.options import Options
from app.selection.problems import Lack, PairProblem, problem_of, unknown_score_set
from app.selection.rendering import preferred_out

_SMALL = 1000
"""Fewer pairs than this take less time than a switch to a thread."""
_FEW = 8
"""The same, for pairs with explanations."""


class Selector:
    """Selects candidates by their scores. Never calls the model."""

    def __init__(self, covariances: LabelCovariances, calibrator: Calibrator) -> None:
        self._covariances = covariances
        self._calibrator = calibrator

    async def check(self, plan: ScorePlan, target: Mapping[str, Wish], options: Options) -> None:
        """Raise errors that would prevent a selection, before anything is scored.

        Raises `UnknownCalibration`, `UnknownBank` or `InvalidRequest`.
        """
        fields = list(plan.attributes)
        await self._calibrator.check(
            options.calibration,
            plan.score_set.fingerprints,
            fields,
            reads_states=plan.score_set.reads_states,
        )
        if not fields:
            return
        names = list(target)
        bank = await self._chosen_bank(options)
        covariance = await self._covariance(plan.score_set, names, options, bank)
        for lack in _unlabelled(names, names, covariance, options):
            raise problem_of(plan.score_set, [lack]).error()

    async def select(
        self,
        score_sets: Sequence[tuple[str, ScoreSet | None]],
        targets: Sequence[Mapping[str, Wish]],
        options: Options,
    ) -> list[SetSelections]:
        """Select for every pair of score set and target; one result per score set.

        `score_sets` are pairs of a requested id and its stored score set, None if there is none.
        Raises `InvalidRequest` for a target whose attributes all have weight 0, and
        `UnknownCalibration` or `UnknownBank` for unknown names in the request. Problems of single
        pairs are part of the results.
        """
        try:
            matrix = _matrix(targets, options)
        except WeightlessTarget as error:
            raise weightless() from error
        await self._calibrator.check(options.calibration, (), ())
        tasks = await self._tasks([one for _, one in score_sets], matrix, options)
        work = partial(_answer_all, [i for i, _ in score_sets], tasks, matrix, options)
        pairs = len(score_sets) * len(targets)
        draws = options.probabilities and any(
            isinstance(task, ChoosingTask) and task.has_errors for task in tasks
        )
        if pairs < (_FEW if options.one_by_one else _SMALL) and not draws:
            return work()
        # In a thread, because large requests take seconds and must not block others.
        return await asyncio.to_thread(work)

    async def compared(
        self,
        score_sets: Sequence[tuple[str, ScoreSet | None]],
        attributes: Sequence[str],
        calibration: str,
    ) -> list[Floats]:
        """The scores that targets over `attributes` would be compared with: (C, A) for each set.

        Candidates are in the caller's order. Raises the first problem of any score set.
        """
        options = Options.plain(calibration)
        matrix = target_matrix([dict.fromkeys(attributes, 0.0)])
        await self._calibrator.check(calibration, "", ())
        tasks = await self._tasks([one for _, one in score_sets], matrix, options)
        return [
            _compared(score_set_id, task, matrix.attributes)
            for (score_set_id, _), task in zip(score_sets, tasks, strict=True)
        ]

    async def _tasks(
        self, score_sets: Sequence[ScoreSet | None], matrix: TargetMatrix, options: Options
    ) -> list[ChoosingTask | PairProblem | None]:
        """One task or problem per score set; None for those that are not stored."""
        opened = await self._calibrator.open(options.calibration, score_sets, matrix.attributes)
        score_sets = [
            of.score_set if isinstance(of, Opened) else one
            for one, of in zip(score_sets, opened, strict=True)
        ]
        named = [
            NamedCells.of(one, matrix.attributes) if one is not None and one.cells else None
            for one in score_sets
        ]
        applied = await self._calibrator.apply(
            options.calibration,
            [
                (one, cells.fields) if one is not None and cells and of is None else None
                for one, cells, of in zip(score_sets, named, opened, strict=True)
            ],
        )
        applied = [
            of.calibrated or Raw() if isinstance(of, Opened) else result
            for of, result in zip(opened, applied, strict=True)
        ]
        bank = await self._chosen_bank(options)
        return [
            PairProblem.of(of.error())
            if isinstance(of, Refused)
            else None
            if one is None or cells is None
            else await self._task(one, cells, result, matrix, options, bank)
            for one, cells, result, of in zip(score_sets, named, applied, opened, strict=True)
        ]

    async def _task(
        self,
        score_set: ScoreSet,
        named: NamedCells,
        applied: Applied,
        matrix: TargetMatrix,
        options: Options,
        bank: str | None,
    ) -> ChoosingTask:
        problem = PairProblem.of(applied.error()) if isinstance(applied, Refused) else None
        covariance = None
        if options.metric == "mahalanobis":
            # A target may use the field of a cell, `name@digest`; banks use names.
            names = [
                named.cells[name][1].attribute if name in named.cells else name
                for name in matrix.attributes
            ]
            try:
                covariance = await self._covariance(score_set, names, options, bank)
            except (InvalidRequest, UnknownBank) as error:
                problem = problem or PairProblem.of(error)
            for lack in _unlabelled(matrix.attributes, names, covariance, options):
                named.lacks.setdefault(lack.attribute, lack)
        return ChoosingTask(
            score_set=score_set,
            named=named,
            calibrated=applied if isinstance(applied, Calibrated) else None,
            warning=applied.warning if isinstance(applied, Raw) else None,
            covariance=covariance,
            problem=problem,
        )

    async def _covariance(
        self, score_set: ScoreSet, attributes: Sequence[str], options: Options, bank: str | None
    ) -> Floats | None:
        """Covariance of the attributes' labels, (A, A); None if the distance does not use it.

        `bank` is the digest of the bank named in the request, if any. Raises `InvalidRequest` or
        `UnknownBank`.
        """
        if options.metric != "mahalanobis":
            return None
        own = score_set.scorer.bank.digest if score_set.scorer.bank else None
        return await self._covariances.get(bank or own, attributes)

    async def _chosen_bank(self, options: Options) -> str | None:
        """Digest of the covariance bank named in the request, if any. Raises `UnknownBank`."""
        if options.metric != "mahalanobis" or options.covariance_bank is None:
            return None
        return await self._covariances.digest_of(options.covariance_bank)


def select_preferred(score_set: ScoreSet) -> Rendered:
    """The `SelectionOut` of a method that chooses. Raises `CellsUnscored` if the choice failed."""
    choice = score_set.choice
    if choice is None or score_set.presentation is None:
        lacks = [
            Lack(one.attribute, f"{one.attribute!r} is unscored: {one.reason}", unscored=one)
            for one in score_set.unscored.values()
        ]
        raise problem_of(score_set, lacks).error()
    return preferred_out(choice, score_set.presentation)


def _compared(
    score_set_id: str, task: ChoosingTask | PairProblem | None, attributes: Sequence[str]
) -> Floats:
    if task is None:
        raise unknown_score_set(score_set_id).error()
    if isinstance(task, PairProblem):
        raise task.error()
    if task.named.lacks:
        raise problem_of(task.score_set, list(task.named.lacks.values())).error()
    if task.problem is not None:
        raise task.problem.error()
    cells = [task.named.cells[name] for name in attributes]
    positions = list(presentation_of(task.score_set, task.named).positions)
    return compared_scores(cells, task.calibrated)[positions]


def _matrix(targets: Sequence[Mapping[str, Wish]], options: Options) -> TargetMatrix:
    """Targets as arrays. Distributions were drawn from, unless the distance compares them."""
    if options.metric in DISTRIBUTION_METRICS:
        return with_curves(targets, options.weights, options.metric, options.history)
    return target_matrix(cast(Sequence[Mapping[str, Settled]], targets), options.weights)


def _answer_all(
    ids: Sequence[str],
    tasks: Sequence[ChoosingTask | PairProblem | None],
    matrix: TargetMatrix,
    options: Options,
) -> list[SetSelections]:
    count = len(matrix.values)
    answers: list[SetSelections] = []
    for place, (score_set_id, task) in enumerate(zip(ids, tasks, strict=True)):
        if isinstance(task, ChoosingTask):
            own = weighed(matrix, options.relevance[place]) if options.relevance else matrix
            answers.append(select_all(task, own, options))
        else:
            problem = task or unknown_score_set(score_set_id)
            answers.append(unanswered(score_set_id, dict.fromkeys(range(count), problem), count))
    return answers


def _unlabelled(
    attributes: Sequence[str],
    names: Sequence[str],
    covariance: Floats | None,
    options: Options,
) -> list[Lack]:
    """Attributes with a positive weight, but too few labels for a covariance.

    `names` are their names in the bank, `attributes` their names in the targets.
    """
    if covariance is None:
        return []
    return [
        Lack(
            attribute,
            f"the bank has fewer than two labels of {name!r}, so its covariance is unknown",
            unlabelled=True,
        )
        for attribute, name, variance in zip(attributes, names, np.diag(covariance), strict=True)
        if np.isnan(variance) and options.weights.get(attribute, 1.0) > 0
    ]
