"""What `/select` does, for its endpoint and for `/respond` once the candidates are written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal

from fastapi import Request
from fastapi.responses import Response
from msgspec.structs import replace

from app.calibrations.applied import Calibrated, Raw
from app.calibrations.applying import Calibrator
from app.domain.score_set import ScoreSet
from app.domain.selection.targets import Wish
from app.errors import FieldError
from app.schema import Rendered
from app.scores.afterwards import Chosen
from app.scores.answering import full_answer, pending_answer, rendered_scores
from app.scores.for_people import PeopleSelection
from app.scores.operation import Operation
from app.scores.relevance import Relevance
from app.scoring.planner import Planner
from app.selection.checks import check_select, unused_in_select
from app.selection.options import Options, settle, wishes
from app.selection.requests import SelectRequest
from app.selection.selector import Selector, select_preferred
from app.telemetry.metrics import ABSTENTIONS, MARGINS


class Selecting:
    """Scores the candidates of a request, and selects one."""

    def __init__(
        self,
        operation: Operation,
        planner: Planner,
        selector: Selector,
        calibrator: Calibrator,
        for_people: PeopleSelection,
        relevance: Relevance,
    ) -> None:
        self._operation = operation
        self._planner = planner
        self._selector = selector
        self._calibrator = calibrator
        self._for_people = for_people
        self._relevance = relevance

    async def select(
        self, request: Request, body: SelectRequest, prefer: str | None = None
    ) -> Response:
        """A `SelectOut` or `PeopleSelectOut`, or 202 while cells are being scored."""
        started = time.monotonic()
        if body.for_people:
            return await self._for_people.select(body, request, prefer, started)
        target, options = wishes(body.target), Options.of(body)
        resolved = await self._planner.resolve(
            body, target, may_choose=True, persona=body.persona or ""
        )
        check_select(body, resolved, options)
        warnings = unused_in_select(body, resolved.traits, options, target)
        options = replace(
            options, weights={n: w for n, w in options.weights.items() if n in target}
        )
        planned = await self._planner.plan(body, resolved)
        await self._selector.check(planned.plan, target, options)
        score_set = await self._operation.score(planned, body, prefer, request)
        hostile = await self._operation.hostile(body, request)
        if score_set.pending:
            return pending_answer(score_set, planned, hostile)
        applied: Calibrated | Raw = Raw()
        shown = score_set
        if resolved.traits.kind == "choice":
            selection = select_preferred(score_set)
        else:
            options, weighed = await self._relevance.weighed(body, target, options, prefer, request)
            selection, applied = await _selected(
                self._selector, score_set, target, options, weighed
            )
            fields = planned.plan.attributes
            if opened := await self._calibrator.open_one(body.calibration, score_set, fields):
                shown = opened.score_set
        _count(selection, resolved.traits.kind)
        scores = rendered_scores(body, planned, shown, applied, (*planned.warnings, *warnings))
        rendered = {"selection": selection, "score_set": scores}
        chosen = Chosen(planned.plan, shown, applied, selection, list(target))
        words = await self._operation.words(chosen, body, prefer, request)
        return full_answer(rendered, score_set, started, hostile, words)


async def _selected(
    selector: Selector,
    score_set: ScoreSet,
    target: Mapping[str, Wish],
    options: Options,
    weighed: Rendered,
) -> tuple[Rendered, Calibrated | Raw]:
    """The selection of one pair, with `weighed` in it, and the calibration applied.

    Raises the pair's problem.
    """
    targets, draws = settle([target], options)
    (answer,) = await selector.select([(score_set.id, score_set)], targets, options)
    selection = answer.selections[0]
    if selection is None:
        error = answer.problems[0].error()
        error.fields = tuple(
            FieldError(field.pointer.replace("#/targets/", "#/target/"), field.detail)
            for field in error.fields
        )
        raise error
    if draws:
        selection["drawn"] = draws[0]
    return selection | weighed, answer.calibrated or Raw(answer.warning)


def _count(selection: Rendered, kind: Literal["score", "choice", "text"]) -> None:
    if (margin := selection.get("margin")) is not None:
        MARGINS.labels("distance" if kind == "score" else "preference").observe(margin)
    if (abstained := selection.get("abstained")) is not None:
        ABSTENTIONS.labels(abstained["reason"]).inc()
