"""`POST /v1/score`, `/v1/select`, `/v1/retarget` and `GET /v1/score-sets/{id}`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import APIRouter, Body, Header, Query, Request
from fastapi.responses import JSONResponse, Response

from app.calibrations.applied import Calibrated, Raw, Scored
from app.domain.arrays import Floats
from app.domain.cells import Cell
from app.domain.methods import METHODS
from app.domain.plan import split_score_set_id
from app.domain.scenario import CHOICE, Attribute
from app.domain.selection.targets import target_matrix
from app.errors import (
    AzimuthError,
    CellsUnscored,
    FieldError,
    InvalidRequest,
    UnknownCalibration,
    UnknownScoreSet,
)
from app.http.problem_types import problem_for
from app.http.problems import problem_document
from app.http.responses import answers, problem_responses
from app.http.routing import UnicodeRoute
from app.resources import Resources, Use
from app.schema import Name
from app.scores import openapi_examples
from app.scores.rendering import (
    Alignment,
    assembled,
    calibration_out,
    cell_out,
    empty_cell_out,
    score_set_out,
    select_chosen,
    select_one,
    timings_out,
    unscored_out,
    usage_out,
    wishes,
)
from app.scores.schemas import (
    CompactRetargetOut,
    PairSelectionOut,
    PendingOut,
    RetargetOut,
    ScoreSetCore,
    ScoreSetOut,
    SelectOut,
    TimingsOut,
)
from app.scoring.planning import PlannedRequest, idle_covariance
from app.scoring.requests import ScoreRequest
from app.scoring.service import Patience, ScoreOutcome, unscored_extension
from app.selection.requests import RetargetRequest, SelectRequest
from app.selection.retargeting import RetargetedSet

router = APIRouter(tags=["scoring"], route_class=UnicodeRoute)

Prefer = Annotated[
    str | None,
    Header(
        description="`respond-async`: answer 202 at once with a place to poll. "
        "`wait=N`: wait at most N seconds (RFC 7240)."
    ),
]
_SCORING_PROBLEMS = (
    "malformed-body",
    "invalid-request",
    "unknown-attribute",
    "unknown-method",
    "unknown-attribute-set",
    "unknown-bank",
    "unknown-model",
    "unknown-calibration",
    "context-overflow",
    "body-too-large",
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
    headers={"Location": {"schema": {"type": "string"}, "description": "Where to ask"}},
)
_RETARGETED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A selection for every pair of score set and target",
        "content": {"application/json": {"examples": openapi_examples.RETARGETS}},
    }
}


@router.post(
    "/score",
    operation_id="score",
    summary="Score candidates on attributes",
    response_model=ScoreSetOut,
    responses=answers(openapi_examples.SCORE_SET, "The score set")
    | _PENDING
    | problem_responses(*_SCORING_PROBLEMS),
)
async def score(
    request: Request,
    use: Use,
    body: Annotated[ScoreRequest, Body(openapi_examples=openapi_examples.SCORE_REQUESTS)],
    prefer: Prefer = None,
) -> Response:
    """Score every candidate on every attribute, by few-shot comparative regression.

    Cells that are in the cache are not scored again; cells in flight for another request are
    waited for. Scores do not depend on any target.
    """
    planned = await use.planner.plan(body)
    outcome = await _scored(request, use, body, planned, prefer)
    if outcome.pending:
        return _pending(planned)
    applied = await _calibrate(use, planned, outcome, body.calibration)
    score_set = _score_set(planned, outcome, applied)
    answer = ScoreSetOut(
        **dict(score_set), usage=usage_out(outcome.usage), timings_ms=timings_out(outcome)
    )
    return _json(answer)


@router.post(
    "/select",
    operation_id="select",
    summary="Select the candidate nearest a target",
    response_model=SelectOut,
    responses=answers(openapi_examples.EXPLAINED, "The selection, and the scores behind it")
    | _PENDING
    | problem_responses(*_SCORING_PROBLEMS),
)
async def select(
    request: Request,
    use: Use,
    body: Annotated[SelectRequest, Body(openapi_examples=openapi_examples.SELECT_REQUESTS)],
    prefer: Prefer = None,
) -> Response:
    """Score as `/score` does, then select the candidate whose scores lie nearest the target.

    Methods that choose without scoring (`prompt_aligned`, `unaligned`, `reward_model`) are for
    comparison: they select what they prefer, and cannot be retargeted.
    """
    planned = await use.planner.plan(body)
    covariance = await _covariance(use, planned, body)  # what is wrong with it is told before work
    outcome = await _scored(request, use, body, planned, prefer)
    if outcome.pending:
        return _pending(planned)
    presentation = planned.plan.presentation
    target = body.target or {}
    usable, ignored = _usable(planned, outcome, target, body)
    applied = await _calibrate(use, planned, outcome, body.calibration)
    chosen = next((cell for cell in usable.values() if cell.kind == "choice"), None)
    if chosen is not None:
        selection = select_chosen(chosen, presentation)
    else:
        alignment = Alignment.of(body)
        wanted = {name: wish for name, wish in wishes(target).items() if name not in ignored}
        matrix = target_matrix([wanted], body.weights)
        if covariance is not None:
            places = [list(target).index(name) for name in matrix.attributes]
            covariance = covariance[np.ix_(places, places)]
        by_name = {cell.attribute: (field, cell) for field, cell in usable.items()}
        columns = [by_name[name] for name in matrix.attributes]
        calibrated = applied if isinstance(applied, Calibrated) else None
        selection = await asyncio.to_thread(
            select_one, columns, presentation, matrix, alignment, covariance, calibrated
        )
    answer = SelectOut(
        **dict(selection),
        ignored=ignored,
        score_set=_score_set(planned, outcome, applied),
        usage=usage_out(outcome.usage),
        timings_ms=timings_out(outcome),
    )
    return _json(answer)


@router.post(
    "/retarget",
    operation_id="retarget",
    summary="Select for new targets from cached scores",
    response_model=RetargetOut | CompactRetargetOut,
    responses=_RETARGETED
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "unknown-score-set",
        "unknown-bank",
        "unknown-calibration",
        "attribute-not-scored",
        "body-too-large",
        "store-unavailable",
    ),
)
async def retarget(
    request: Request,
    use: Use,
    body: Annotated[RetargetRequest, Body(openapi_examples=openapi_examples.RETARGET_REQUESTS)],
) -> Response:
    """Answer one or many targets for one or many score sets, without ever calling the model.

    A pair that cannot be answered has a `problem` in its place; when there is only one pair, the
    problem is the answer.
    """
    started = time.perf_counter()
    ids = [body.score_set_ids] if isinstance(body.score_set_ids, str) else body.score_set_ids
    targets = [body.targets] if isinstance(body.targets, dict) else body.targets
    answered = await use.retargeter.retarget(ids, targets, body)
    if len(answered) == len(targets) == 1 and answered[0].problems:
        problem = answered[0].problems[0]
        problem.fields = _fields(problem, body, 0, 0)
        raise problem
    pairs = _Pairs(body, request.state.request_id)
    if body.compact:
        content: dict[str, Any] = {
            "selected": [one.selected for one in answered],
            "calibrations": [_reference(one) for one in answered],
            "problems": [p for i, one in enumerate(answered) for p in pairs.problems(one, i)],
        }
    else:
        content = {
            "selections": [
                pairs.answer(one, index, target)
                for index, one in enumerate(answered)
                for target in range(len(targets))
            ]
        }
    warnings = dict.fromkeys(one.warning for one in answered if one.warning)
    content["warnings"] = [*warnings, *idle_covariance(body.covariance_bank, body.distance)]
    total = round((time.perf_counter() - started) * 1000, 2)
    content["timings_ms"] = TimingsOut(total=total).model_dump()
    return Response(orjson.dumps(content), media_type="application/json")


@router.get(
    "/score-sets/{score_set_id}",
    operation_id="get_score_set",
    summary="Look at a score set",
    response_model=ScoreSetCore,
    responses=answers(
        {k: v for k, v in openapi_examples.SCORE_SET.items() if k not in ("usage", "timings_ms")},
        "The score set as it is now; `status` says whether cells are still being scored",
    )
    | problem_responses(
        "invalid-request", "unknown-score-set", "unknown-calibration", "store-unavailable"
    ),
)
async def get_score_set(
    use: Use, score_set_id: str, calibration: Annotated[Name, Query()] = "auto"
) -> Response:
    """Every cell that the score set has or waits for: the place to poll after a 202."""
    (stored,) = await use.cache.score_sets([split_score_set_id(score_set_id)])
    if stored is None or stored.presentation is None:
        raise UnknownScoreSet(
            f"no score set has the id {score_set_id!r}: it expired, or never was",
            extensions={"score_set_id": score_set_id},
        )
    presentation = stored.presentation
    scores = stored.scores
    digest = split_score_set_id(score_set_id)[0]
    scored = Scored(digest, stored.fingerprint, stored.scorer, scores, stored.surface)
    try:
        applied = await use.calibrator.apply_to_one(calibration, scored, scores.keys())
    except (InvalidRequest, UnknownCalibration) as error:
        error.fields = tuple(FieldError("query:calibration", f.detail) for f in error.fields)
        raise
    calibrated = applied if isinstance(applied, Calibrated) else None
    cells = [
        cell_out(field, cell, presentation, cached=True, calibrated=calibrated)
        for field, cell in stored.cells.items()
    ]
    cells += [unscored_out(f, unscored) for f, unscored in stored.unscored.items()]
    cells += [empty_cell_out(f, name, pending=True) for f, name in stored.pending.items()]
    cells += [empty_cell_out(f, name, pending=False) for f, name in stored.lost.items()]
    warnings = [applied.warning] if isinstance(applied, Raw) and applied.warning else []
    answer = _json(
        assembled(score_set_id, presentation, stored.scorer, cells, warnings, calibrated)
    )
    if stored.pending:
        answer.headers["Retry-After"] = "1"
    return answer


async def _covariance(
    use: Resources, planned: PlannedRequest, body: SelectRequest
) -> Floats | None:
    """That of the target's attributes, (A, A), where the distance needs one. Raises the problem."""
    if body.distance != "mahalanobis" or METHODS[body.method].kind == "choice":
        return None
    bank = planned.plan.scorer.bank.digest if planned.plan.scorer.bank else None
    if body.covariance_bank:
        bank = await use.covariances.digest_of(body.covariance_bank)
    covariance, unlabelled = await use.covariances.get(bank, list(body.target or {}))
    for name, problem in unlabelled.items():
        if (body.weights or {}).get(name, 1.0) > 0:
            raise problem
    return covariance


async def _scored(
    request: Request,
    use: Resources,
    body: ScoreRequest,
    planned: PlannedRequest,
    prefer: str | None,
) -> ScoreOutcome:
    plan = planned.plan
    fields = [field for field, asked in plan.cells.items() if isinstance(asked, Attribute)]
    await use.calibrator.check(body.calibration, plan.fingerprint, fields)  # before any work
    patience = patience_for(
        prefer,
        body.deadline_s,
        wait_s=use.settings.api.wait_s,
        deadline_s=use.settings.api.deadline_s,
        max_deadline_s=use.settings.api.max_deadline_s,
    )
    outcome = await use.scoring.score(planned, patience, request.state.request_id)
    request.state.log = {
        "score_set": planned.plan.score_set,
        "fingerprint": planned.plan.fingerprint,
        "model": planned.pool.model.name,
        "cells_cached": len(outcome.cached),
        "cells_scored": len(outcome.fresh),
        "cells_unscored": len(outcome.unscored),
        "cells_pending": len(outcome.pending),
        "prompt_tokens": outcome.usage.prompt_tokens,
        "output_tokens": outcome.usage.output_tokens,
        "queue_ms": round(outcome.timings.queue, 2),
        "retrieval_ms": round(outcome.timings.retrieval, 2),
        "engine_ms": round(outcome.timings.engine, 2),
    }
    return outcome


def patience_for(
    prefer: str | None,
    asked_deadline_s: float | None,
    *,
    wait_s: float,
    deadline_s: float,
    max_deadline_s: float,
) -> Patience:
    """How long to wait, from the `Prefer` header (RFC 7240), the request and the settings."""
    preferences = [part.strip().lower() for part in re.split(r"[,;]", prefer or "")]
    wait = wait_s
    for preference in preferences:
        if match := re.fullmatch(r'wait\s*=\s*"?(\d+)"?', preference):
            wait = min(wait_s, float(match[1]))
    if "respond-async" in preferences:
        wait = 0.0
    if asked_deadline_s is not None and asked_deadline_s > max_deadline_s:
        says = f"the latest deadline is {max_deadline_s:g} s (AZIMUTH_MAX_DEADLINE_S)"
        raise InvalidRequest(says, fields=[FieldError("#/deadline_s", says)])
    return Patience(wait_s=wait, deadline_s=asked_deadline_s or deadline_s)


def _usable(
    planned: PlannedRequest,
    outcome: ScoreOutcome,
    target: Mapping[str, object],
    body: SelectRequest,
) -> tuple[dict[str, Cell], list[str]]:
    """The cells that decide, by field, and those names of the target that have to be ignored."""
    unscored = {u.attribute: u for u in outcome.unscored.values()}
    lost = {asked.name for f, asked in planned.plan.cells.items() if f not in outcome.cells}
    needed = [CHOICE] if CHOICE in {a.name for a in planned.plan.cells.values()} else list(target)
    lacking = [name for name in needed if name in lost]
    weights = body.weights or {}
    rest = [name for name in needed if name not in lost and weights.get(name) != 0]
    if lacking and (body.on_unscored == "error" or not rest):
        reasons = ", ".join(
            f"{name!r} is unscored: {unscored[name].reason if name in unscored else 'lost'}"
            for name in lacking
        )
        raise CellsUnscored(
            reasons,
            extensions={"score_set_id": planned.plan.score_set_id} | unscored_extension(outcome),
        )
    return dict(outcome.cells), lacking


async def _calibrate(
    use: Resources, planned: PlannedRequest, outcome: ScoreOutcome, wanted: str
) -> Calibrated | Raw:
    """What the calibration that a request wants makes of its scores."""
    plan = planned.plan
    scores = {field: cell for field, cell in outcome.cells.items() if cell.kind == "score"}
    if not scores:
        return Raw()
    scored = Scored(plan.score_set, plan.fingerprint, plan.scorer, scores, plan.surface)
    return await use.calibrator.apply_to_one(wanted, scored, scores.keys())


def _score_set(
    planned: PlannedRequest, outcome: ScoreOutcome, applied: Calibrated | Raw
) -> ScoreSetCore:
    plan = planned.plan
    warnings = planned.warnings
    if isinstance(applied, Raw) and applied.warning:
        warnings = (*warnings, applied.warning)
    return score_set_out(
        plan.score_set_id,
        plan.presentation,
        plan.scorer,
        plan.cells,
        outcome,
        warnings,
        applied if isinstance(applied, Calibrated) else None,
    )


def _pending(planned: PlannedRequest) -> Response:
    set_id = planned.plan.score_set_id
    location = f"/v1/score-sets/{set_id}"
    answer = PendingOut(
        score_set_id=set_id,
        location=location,
        detail="the scores are on their way; poll the location, then send targets to /v1/retarget",
    )
    return JSONResponse(
        answer.model_dump(), 202, headers={"Location": location, "Retry-After": "1"}
    )


def _reference(one: RetargetedSet) -> dict[str, Any] | None:
    reference = calibration_out(one.calibrated)
    return reference.model_dump() if reference else None


@dataclass(frozen=True, slots=True)
class _Pairs:
    """What a request is told about its pairs of score set and target."""

    body: RetargetRequest
    request_id: str

    def answer(self, one: RetargetedSet, index: int, target: int) -> dict[str, Any]:
        """Of one target and a score set, the `index`-th of the request."""
        pair = PairSelectionOut(
            score_set_id=one.score_set_id,
            target_index=target,
            calibration=calibration_out(one.calibrated),
        ).model_dump()
        selection = one.selections[target]
        if selection is None:
            return pair | {"problem": self._document(one.problems[target], index, target)}
        return pair | selection.model_dump()

    def problems(self, one: RetargetedSet, index: int) -> list[dict[str, Any]]:
        """Problem documents of a set, each once with all the targets that it concerns."""
        targets_of: dict[str, list[int]] = {}
        error_of: dict[str, AzimuthError] = {}
        for target, error in one.problems.items():
            targets_of.setdefault(error.detail, []).append(target)
            error_of[error.detail] = error
        return [
            {
                **self._document(error_of[detail], index, targets[0]),
                "score_set_id": one.score_set_id,
                "target_indices": targets,
            }
            for detail, targets in targets_of.items()
        ]

    def _document(self, error: AzimuthError, index: int, target: int) -> dict[str, Any]:
        return problem_document(
            problem_for(error),
            error.detail,
            self.request_id,
            fields=_fields(error, self.body, index, target),
            extensions=dict(error.extensions),
        )


def _fields(
    error: AzimuthError, body: RetargetRequest, index: int, target: int
) -> tuple[FieldError, ...]:
    """An error's fields, pointing to the score set and the target among several."""
    pointers = [field.pointer for field in error.fields]
    if not isinstance(body.targets, dict):
        pointers = [re.sub("^#/targets/", f"#/targets/{target}/", p) for p in pointers]
    if not isinstance(body.score_set_ids, str):
        pointers = [f"{p}/{index}" if p == "#/score_set_ids" else p for p in pointers]
    return tuple(
        FieldError(pointer, field.detail)
        for pointer, field in zip(pointers, error.fields, strict=True)
    )


def _json(answer: ScoreSetCore | SelectOut) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")
