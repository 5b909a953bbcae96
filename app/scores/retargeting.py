"""`POST /v1/retarget`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response

from app.errors import FieldError
from app.http.json_answers import json_answer
from app.http.problem_types import problem_for
from app.http.problems import problem_document
from app.http.provided import provided
from app.http.responses import problem_responses
from app.http.routing import JsonRoute
from app.scores import openapi_examples
from app.scores.schemas import CompactRetargetOut, RetargetOut
from app.selection.checks import check_many, unused_covariance_bank
from app.selection.choosing import SetSelections
from app.selection.options import Options, settle, wishes
from app.selection.problems import PairProblem
from app.selection.rendering import calibration_out
from app.selection.requests import RetargetRequest
from app.selection.selector import Selector
from app.store.recent_score_sets import RecentScoreSets
from app.store.tenancy import own_score_set

router = APIRouter(tags=["scoring"], route_class=JsonRoute)

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A selection or a problem for each pair of score set and target",
        "content": {"application/json": {"examples": openapi_examples.RETARGETS}},
    }
}


@router.post(
    "/retarget",
    operation_id="retarget",
    summary="Select for new targets from cached scores",
    response_model=RetargetOut | CompactRetargetOut,
    responses=_ANSWERS
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "unknown-score-set",
        "unknown-bank",
        "unknown-calibration",
        "attribute-not-scored",
        "body-too-large",
        "unsupported-format",
        "store-unavailable",
    ),
)
async def retarget(
    request: Request,
    body: Annotated[RetargetRequest, Body(openapi_examples=openapi_examples.RETARGET_REQUESTS)],
    recent: Annotated[RecentScoreSets, provided(RecentScoreSets)],
    selector: Annotated[Selector, provided(Selector)],
) -> Response:
    """Select for one or many targets and score sets from cached scores. The model is not called.

    A pair that has no selection has a `problem` instead.
    """
    started = time.perf_counter()
    ids = [body.score_set_ids] if isinstance(body.score_set_ids, str) else body.score_set_ids
    given = [body.targets] if isinstance(body.targets, dict) else body.targets
    wanted_targets = [wishes(target) for target in given]
    options = Options.of(body)
    check_many(len(ids), wanted_targets, options)
    targets, draws = settle(wanted_targets, options)
    names = list(dict.fromkeys(name for target in targets for name in target))
    wanted = [own_score_set(score_set_id) for score_set_id in ids]
    stored = await recent.get(wanted, names, texts=options.explain)
    answers = await selector.select(list(zip(ids, stored, strict=True)), targets, options)
    pairs = _Pairs(body, request.scope["state"]["request_id"], draws)
    content = pairs.compact(answers) if options.compact else pairs.full(answers)
    warnings = dict.fromkeys(answer.warning for answer in answers if answer.warning)
    content["warnings"] = [*warnings, *unused_covariance_bank(options)]
    total = round((time.perf_counter() - started) * 1000, 2)
    content["timings_ms"] = {"queue": 0, "retrieval": 0, "engine": 0, "total": total}
    return json_answer(content)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Renders `RetargetOut` and `CompactRetargetOut`."""

    body: RetargetRequest
    request_id: str
    draws: Sequence[dict[str, float]]
    """For each target what was drawn from its distributions; empty if nothing was."""

    def full(self, answers: Sequence[SetSelections]) -> dict[str, Any]:
        """All pairs, grouped by score set."""
        return {
            "pairs": [
                self._pair(answer, index, target)
                for index, answer in enumerate(answers)
                for target in range(len(answer.selections))
            ]
        }

    def compact(self, answers: Sequence[SetSelections]) -> dict[str, Any]:
        """Indices, and each distinct problem of a score set with its targets."""
        drawn = {"drawn": list(self.draws)} if self.draws else {}
        return drawn | {
            "selected": [answer.selected for answer in answers],
            "calibrations": [
                answer.calibrated and calibration_out(answer.calibrated) for answer in answers
            ],
            "problems": [
                problem
                for index, answer in enumerate(answers)
                for problem in self._problems(answer, index)
            ],
        }

    def _pair(self, answer: SetSelections, index: int, target: int) -> dict[str, Any]:
        pair: dict[str, Any] = {"score_set_id": answer.score_set_id, "target_index": target}
        selection = answer.selections[target]
        if selection is None:
            return pair | {"problem": self._document(answer.problems[target], index, target)}
        if self.draws and self.draws[target]:
            selection["drawn"] = self.draws[target]
        return pair | {"selection": selection}

    def _problems(self, answer: SetSelections, index: int) -> list[dict[str, Any]]:
        targets_of: dict[str, list[int]] = {}
        for target, problem in answer.problems.items():
            targets_of.setdefault(problem.detail, []).append(target)
        return [
            {
                "score_set_id": answer.score_set_id,
                "target_indices": targets,
                "problem": self._document(answer.problems[targets[0]], index, targets[0]),
            }
            for targets in targets_of.values()
        ]

    def _document(self, problem: PairProblem, index: int, target: int) -> dict[str, Any]:
        return problem_document(
            problem_for(problem.error()),
            problem.detail,
            self.request_id,
            fields=self._fields(problem, index, target),
            extensions=dict(problem.extensions),
        )

    def _fields(self, problem: PairProblem, index: int, target: int) -> list[FieldError]:
        """Field errors with pointers to the score set and target, if there are several."""
        pointers = [field.pointer for field in problem.fields]
        if not isinstance(self.body.targets, dict):
            pointers = [re.sub("^#/targets/", f"#/targets/{target}/", p) for p in pointers]
        if not isinstance(self.body.score_set_ids, str):
            pointers = [f"{p}/{index}" if p == "#/score_set_ids" else p for p in pointers]
        return [
            FieldError(pointer, field.detail)
            for pointer, field in zip(pointers, problem.fields, strict=True)
        ]
