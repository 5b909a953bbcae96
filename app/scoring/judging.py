"""Scoring by one judge or by a committee, some of whose judges may be missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec.structs import replace

from app.domain.committee import name_of, together
from app.domain.score_set import LeftOut, ScoreSet
from app.errors import AzimuthError, CallerLeft, ModelNotReady, StoreUnavailable
from app.scoring.committees import away
from app.scoring.default_method import because
from app.scoring.planned import PlannedJudge, PlannedRequest
from app.scoring.service import Patience, ScoringService

Left = Callable[[], Awaitable[None]]
_T = TypeVar("_T")
_OF_ALL = (CallerLeft, StoreUnavailable)
"""Errors that do not concern one judge only."""


class JudgingService:
    """Carries out plans: all judges score at the same time."""

    def __init__(self, scoring: ScoringService) -> None:
        self._scoring = scoring

    async def score(
        self,
        planned: PlannedRequest,
        patience: Patience,
        request_id: str,
        *,
        left: Left | None = None,
    ) -> ScoreSet:
        """Score a plan, by one judge or several. Raises what `ScoringService.score` raises.

        Judges of a committee that give no scores are left out if the request allows it: then the
        result is the score set of the others. Otherwise the first problem of one is raised.
        """
        try:
            if len(planned.judges) > 1:
                return await self._committee(planned, patience, request_id, left)
            (judge,) = planned.judges
            scored = await self._scoring.score(judge, patience, request_id, left=left)
            return replace(scored, left_out=planned.plan.score_set.left_out)
        except ModelNotReady as error:
            raise because(error, planned.method_reason) from None

    async def _committee(
        self, planned: PlannedRequest, patience: Patience, request_id: str, left: Left | None
    ) -> ScoreSet:
        async with _shared(left) as left:
            judges, missing = await self._present(planned)
            work = [self._scoring.score(one, patience, request_id, left=left) for one in judges]
            outcomes = await _outcomes(planned, judges, work)
        scored_sets = [one for one in outcomes if isinstance(one, ScoreSet)]
        chosen = scored_sets
        if planned.may_leave_out:
            chosen = [one for one in scored_sets if not one.unscored] or scored_sets
        if not chosen:
            raise next(one for one in outcomes if isinstance(one, AzimuthError))
        for judge, outcome in zip(judges, outcomes, strict=True):
            if isinstance(outcome, AzimuthError):
                missing.append(_left_out(judge, outcome.detail))
            elif outcome not in chosen:
                unscored = next(iter(outcome.unscored.values()))
                missing.append(
                    _left_out(judge, f"{unscored.attribute} is unscored: {unscored.detail}")
                )
        known = planned.plan.score_set.left_out
        return replace(together(chosen), left_out=(*known, *missing))

    async def _present(self, planned: PlannedRequest) -> tuple[list[PlannedJudge], list[LeftOut]]:
        """The judges that have workers or all cells, and the others.

        This is found out before anything is queued: if one is missing and may not be, the others
        would work for nothing. Raises `ModelNotReady`.
        """
        judges = list(planned.judges)
        outcomes = await _outcomes(planned, judges, [self._scoring.check(one) for one in judges])
        pairs = list(zip(judges, outcomes, strict=True))
        present = [judge for judge, outcome in pairs if outcome is None]
        missing = [(judge, error) for judge, error in pairs if error is not None]
        if not present:
            raise missing[0][1]
        return present, [_left_out(judge, error.detail) for judge, error in missing]


async def _outcomes(
    planned: PlannedRequest,
    judges: Sequence[PlannedJudge],
    work: Sequence[Coroutine[Any, Any, _T]],
) -> list[_T | AzimuthError]:
    """What the work of each judge returns, or its error, if the judge may be left out.

    Otherwise the first error ends the work of all, and is raised with the name of its judge.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    waiting = set(tasks)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
            for judge, task in zip(judges, tasks, strict=True):
                error = task.exception() if task in done else None
                if isinstance(error, AzimuthError) and not isinstance(error, _OF_ALL):
                    if not planned.may_leave_out:
                        raise _named(error, judge, planned)
                elif error is not None:
                    raise error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    errors = [task.exception() for task in tasks]
    return [
        error if isinstance(error, AzimuthError) else task.result()
        for task, error in zip(tasks, errors, strict=True)
    ]


def _named(error: AzimuthError, judge: PlannedJudge, planned: PlannedRequest) -> AzimuthError:
    """The error of one judge as that of a committee."""
    name = judge.pool.model.name
    if isinstance(error, ModelNotReady):
        return away(name, error)
    error.detail = f"judge {name_of(judge.plan.score_set)}: {error.detail}"
    error.extensions["judges"] = [name]
    if "score_set_id" in error.extensions:
        error.extensions["score_set_id"] = planned.plan.score_set.id
    return error


def _left_out(judge: PlannedJudge, detail: str) -> LeftOut:
    scorer = judge.plan.score_set.scorer
    return LeftOut(scorer.model.name, scorer.settings.method, detail)


@asynccontextmanager
async def _shared(left: Left | None) -> AsyncIterator[Left | None]:
    """`left` as several may call it at the same time: a request tells only once that it ended."""
    if left is None:
        yield None
        return
    watch = asyncio.ensure_future(left())

    async def gone() -> None:
        await asyncio.shield(watch)

    try:
        yield gone
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
