"""`POST /v1/score`, `POST /v1/select` and `GET /v1/score-sets/{id}`."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Body, Header, Query, Request
from fastapi.responses import Response

from app.calibrations.applied import Calibrated, Raw
from app.calibrations.applying import Calibrator
from app.domain.calibration.model import AUTO, NONE
from app.errors import FieldError, InvalidRequest, UnknownCalibration, UnknownScoreSet
from app.http.json_answers import json_answer
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.http.routing import JsonRoute
from app.schema import Name
from app.scores import openapi_examples
from app.scores.answering import full_answer, pending_answer, rendered_scores, shown_scores
from app.scores.operation import Operation
from app.scores.rendering import score_set_out
from app.scores.schemas import PendingOut, PeopleSelectOut, ScoreOut, ScoreSetOut, SelectOut
from app.scores.selecting import Selecting
from app.scoring.planner import Planner
from app.scoring.requests import ScoreRequest
from app.selection.requests import SelectRequest
from app.store.score_sets import ScoreCache
from app.store.tenancy import own_score_set

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
    selecting: Annotated[Selecting, provided(Selecting)],
    prefer: Prefer = None,
) -> Response:
    """Score like `/score`, then select the candidate whose scores are nearest to the target.

    Without `attributes`, the attributes of the target are scored. The methods `prompt_aligned`,
    `unaligned` and `reward_model` choose a candidate without scoring. They serve as baselines, and
    their selections cannot be retargeted.

    With a `person`, a `group` or `groups`, the candidate is selected of which they are expected to
    think most, by the ratings of a bank. Nothing is scored unless `attributes` are named.
    """
    return await selecting.select(request, body, prefer)


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
