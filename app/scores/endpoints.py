"""`POST /v1/score`, `POST /v1/select` and `GET /v1/score-sets/{id}`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Header, Query, Request
from fastapi.responses import Response
from msgspec.structs import replace

from app.calibrations.applied import Calibrated, Raw
from app.calibrations.applying import Calibrator
from app.domain.calibration.model import AUTO, NONE
from app.domain.score_set import ScoreSet
from app.domain.selection.targets import Wish
from app.errors import FieldError, InvalidRequest, UnknownCalibration, UnknownScoreSet
from app.http.json_answers import json_answer
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.http.routing import JsonRoute
from app.schema import Name, Rendered
from app.scores import openapi_examples
from app.scores.afterwards import Chosen
from app.scores.answering import full_answer, pending_answer, rendered_scores, shown_scores
from app.scores.for_people import PeopleSelection
from app.scores.operation import Operation
from app.scores.relevance import Relevance
from app.scores.rendering import score_set_out
from app.scores.schemas import PendingOut, PeopleSelectOut, ScoreOut, ScoreSetOut, SelectOut
from app.scoring.planner import Planner
from app.scoring.requests import ScoreRequest
from app.selection.checks import check_select, unused_in_select
from app.selection.options import Options, settle, wishes
from app.selection.requests import SelectRequest
from app.selection.selector import Selector, select_preferred
from app.store.score_sets import ScoreCache
from app.store.tenancy import own_score_set
from app.telemetry.metrics import ABSTENTIONS, MARGINS

router = APIRouter(tags=["scoring"], route_class=JsonRoute)

Prefer = Annotated[
    str | None,
    Header(
        description="`respond-async`: answer 202 at once with a URL to poll. "
        "`wait=N`: wait at most N seconds (RFC 7240)."
    ),
]
SELECT_PROBLEMS = (
    "malformed-body",
    "invalid-request",
    "unknown-attribute",
    "unknown-method",
    "unknown-attribute-set",
    "unknown-bank",
    "unknown-group",
    "unsuitable-bank",
    "unknown-model",
    "unknown-calibration",
    "context-overflow",
    "body-too-large",
    "unsupported-format",
    "queue-full",
    "cells-unscored",
    "store-unavailable",
    "model-not-ready",
    "deadline-passed",
)
_PENDING = answers(
    openapi_examples.PENDING,
    "Accepted: poll the `Location`",
    status=202,
    model=PendingOut,
    headers={"Location": {"schema": {"type": "string"}, "description": "URL of the score set"}},
)


@router.post(
    "/score",
    operation_id="score",
    summary="Score candidates on attributes",
    response_model=ScoreOut,
    responses=answers(openapi_examples.SCORE, "The score set")
    | _PENDING
    | problem_responses(*SELECT_PROBLEMS),
)
async def score(
    request: Request,
    body: Annotated[ScoreRequest, Body(openapi_examples=openapi_examples.SCORE_REQUESTS)],
    operation: Annotated[Operation, provided(Operation)],
    planner: Annotated[Planner, provided(Planner)],
    calibrator: Annotated[Calibrator, provided(Calibrator)],
    prefer: Prefer = None,
) -> Response:
    """Score every candidate on every attribute, by default with few-shot comparative regression.

    Cached cells are not scored again, and cells in flight for another request are shared. Scores do
    not depend on a target.
    """
    started = time.monotonic()
    planned = await planner.plan(body)
    plan = planned.plan
    await calibrator.check(
        body.calibration,
        plan.score_set.fingerprints,
        list(plan.attributes),
        reads_states=plan.score_set.reads_states,
    )
    score_set = await operation.score(planned, body, prefer, request)
    hostile = await operation.hostile(body, request)
    if score_set.pending:
        return pending_answer(score_set, planned, hostile)
    shown, applied = await shown_scores(calibrator, body.calibration, score_set, plan.attributes)
    rendered = rendered_scores(body, planned, shown, applied, planned.warnings)
    return full_answer(rendered, score_set, started, hostile)


@router.post(
    "/select",
    operation_id="select",
    summary="Select the candidate nearest to a target",
    response_model=SelectOut | PeopleSelectOut,
    responses=answers(openapi_examples.SELECT, "The selection, and the scores behind it")
    | _PENDING
    | problem_responses(*SELECT_PROBLEMS),
)
async def select(
    request: Request,
    body: Annotated[SelectRequest, Body(openapi_examples=openapi_examples.SELECT_REQUESTS)],
    operation: Annotated[Operation, provided(Operation)],
    planner: Annotated[Planner, provided(Planner)],
    selector: Annotated[Selector, provided(Selector)],
    calibrator: Annotated[Calibrator, provided(Calibrator)],
    for_people: Annotated[PeopleSelection, provided(PeopleSelection)],
    relevance: Annotated[Relevance, provided(Relevance)],
    prefer: Prefer = None,
) -> Response:
    """Score like `/score`, then select the candidate whose scores are nearest to the target.

    Without `attributes`, the attributes of the target are scored. The methods `prompt_aligned`,
    `unaligned` and `reward_model` choose a candidate without scoring. They serve as baselines, and
    their selections cannot be retargeted.

    With a `person`, a `group` or `groups`, the candidate is selected of which they are expected to
    think most, by the ratings of a bank. Nothing is scored unless `attributes` are named.
    """
    started = time.monotonic()
    if body.for_people:
        return await for_people.select(body, request, prefer, started)
    target, options = wishes(body.target), Options.of(body)
    resolved = await planner.resolve(body, target, may_choose=True, persona=body.persona or "")
    check_select(body, resolved, options)
    warnings = unused_in_select(body, resolved.traits, options, target)
    options = replace(options, weights={n: w for n, w in options.weights.items() if n in target})
    planned = await planner.plan(body, resolved)
    await selector.check(planned.plan, target, options)
    score_set = await operation.score(planned, body, prefer, request)
    hostile = await operation.hostile(body, request)
    if score_set.pending:
        return pending_answer(score_set, planned, hostile)
    applied: Calibrated | Raw = Raw()
    shown = score_set
    if resolved.traits.kind == "choice":
        selection = select_preferred(score_set)
    else:
        options, weighed = await relevance.weighed(body, target, options, prefer, request)
        selection, applied = await _selected(selector, score_set, target, options, weighed)
        fields = planned.plan.attributes
        if opened := await calibrator.open_one(body.calibration, score_set, fields):
            shown = opened.score_set
    _count(selection, resolved.traits.kind)
    scores = rendered_scores(body, planned, shown, applied, (*planned.warnings, *warnings))
    rendered = {"selection": selection, "score_set": scores}
    chosen = Chosen(planned.plan, shown, applied, selection, list(target))
    words = await operation.words(chosen, body, prefer, request)
    return full_answer(rendered, score_set, started, hostile, words)


@router.get(
    "/score-sets/{score_set_id}",
    operation_id="get_score_set",
    summary="Get a score set",
    response_model=ScoreSetOut,
    responses=answers(
        openapi_examples.SCORE_SET,
        "The current state of the score set; `status` is `pending` while cells are being scored",
    )
    | problem_responses(
        "invalid-request", "unknown-score-set", "unknown-calibration", "store-unavailable"
    ),
)
async def get_score_set(
    score_set_id: str,
    cache: Annotated[ScoreCache, provided(ScoreCache)],
    calibrator: Annotated[Calibrator, provided(Calibrator)],
    calibration: Annotated[Name, Query()] = "auto",
    show_judges: Annotated[bool, Query()] = False,
) -> Response:
    """All cells of a score set, pending ones included. Poll this after a 202.

    With `show_judges`, that of a committee has the cells of each judge as well.
    """
    (score_set,) = await cache.score_sets([own_score_set(score_set_id)])
    if score_set is None or score_set.presentation is None:
        raise UnknownScoreSet(
            f"no score set has the id {score_set_id!r}: it expired or never existed",
            extensions={"score_set_id": score_set_id},
        )
    try:
        shown, applied = await shown_scores(calibrator, calibration, score_set, ())
    except (InvalidRequest, UnknownCalibration) as error:
        if not score_set.reads_states or calibration not in (AUTO, NONE):
            error.fields = tuple(FieldError("query:calibration", f.detail) for f in error.fields)
            raise
        shown, applied = score_set, Raw(error.detail)
    warnings = [applied.warning] if isinstance(applied, Raw) and applied.warning else []
    calibrated = applied if isinstance(applied, Calibrated) else None
    answer = json_answer(
        score_set_out(shown, score_set.presentation, warnings, calibrated, show_judges=show_judges)
    )
    if score_set.pending:
        answer.headers["Retry-After"] = "1"
    return answer


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
