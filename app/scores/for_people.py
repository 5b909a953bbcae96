"""`POST /v1/select` for a person, a group or groups."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from fastapi import Request
from fastapi.responses import Response

from app.calibrations.applying import Calibrator
from app.domain.cells import Usage
from app.domain.people.bank import BankPeople
from app.domain.people.matrix import CandidateReading
from app.domain.scenario import Candidate
from app.domain.score_set import ScoreSet
from app.errors import FieldError, InvalidRequest
from app.http.json_answers import json_answer
from app.people.deciding import Decision, decide
from app.people.fitted import Fitted, FittedBanks
from app.people.reading import Row, group_row, person_row, read_candidates
from app.people.rendering import people_out, selection_out
from app.schema import Rendered
from app.scores.answering import ms_since, pending_answer, rendered_scores, shown_scores
from app.scores.operation import Operation
from app.scores.rendering import timings_out, usage_out
from app.scoring.planned import PlannedRequest
from app.scoring.planner import Planner, candidates_of
from app.selection.requests import SelectRequest


class PeopleSelection:
    """Selects for people, by ratings of banks and, where attributes are named, by scores."""

    def __init__(
        self,
        fitted: FittedBanks,
        planner: Planner,
        operation: Operation,
        calibrator: Calibrator,
    ) -> None:
        self._fitted = fitted
        self._planner = planner
        self._operation = operation
        self._calibrator = calibrator

    async def select(
        self, body: SelectRequest, request: Request, prefer: str | None, started: float
    ) -> Response:
        """The answer to a request with a person, a group or groups."""
        assert body.bank is not None, "requests for people name a bank"
        fitted = await self._fitted.get(body.bank, "#/bank")
        rows = _rows(fitted.people, body)
        candidates = candidates_of(body)
        given = _given_classes(body)
        planned, score_set = await self._scored(body, prefer, request)
        hostile = await self._operation.hostile(body, request)
        scored = None
        if planned is not None and score_set is not None:
            if score_set.pending:
                return pending_answer(score_set, planned, hostile)
            scored = await self._rendered(body, planned, score_set)
        # In a thread: a reader of texts may have to be fitted first.
        decision, warnings = await asyncio.to_thread(
            _decided, body, fitted.people, rows, candidates, given, scored
        )
        ids = [candidate.id for candidate in candidates]
        answer = _answer(fitted, decision, ids, warnings, score_set, scored, ms_since(started))
        if hostile is not None:
            answer["hostile"] = [one.model_dump() for one in hostile]
        return json_answer(answer)

    async def _scored(
        self, body: SelectRequest, prefer: str | None, request: Request
    ) -> tuple[PlannedRequest | None, ScoreSet | None]:
        if body.attributes is None:
            return None, None
        planned = await self._planner.plan(body)
        plan = planned.plan
        await self._calibrator.check(
            body.calibration,
            plan.score_set.fingerprints,
            list(plan.attributes),
            reads_states=plan.score_set.reads_states,
        )
        return planned, await self._operation.score(planned, body, prefer, request)

    async def _rendered(
        self, body: SelectRequest, planned: PlannedRequest, score_set: ScoreSet
    ) -> Rendered:
        shown, applied = await shown_scores(
            self._calibrator, body.calibration, score_set, planned.plan.attributes
        )
        return rendered_scores(body, planned, shown, applied, planned.warnings)


def _rows(bank: BankPeople, body: SelectRequest) -> list[Row]:
    if body.person is not None:
        return [person_row(bank, body.person)]
    if body.group is not None:
        return [group_row(bank, body.group, "#/group")]
    names = body.groups or []
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        detail = f"{twice!r} is named twice"
        raise InvalidRequest(detail, fields=[FieldError("#/groups", detail)])
    stray = [name for name in body.people.group_weights or {} if name not in names]
    if stray:
        detail = f"{stray[0]!r} has a weight, but is none of the groups"
        raise InvalidRequest(detail, fields=[FieldError("#/people/group_weights", detail)])
    rows = [group_row(bank, name, f"#/groups/{i}") for i, name in enumerate(names)]
    if not sum(_weights(body, rows)) > 0:
        detail = "all groups have weight 0"
        raise InvalidRequest(detail, fields=[FieldError("#/people/group_weights", detail)])
    return rows


def _weights(body: SelectRequest, rows: Sequence[Row]) -> list[float]:
    weights = body.people.group_weights or {}
    return [weights.get(row.name, 1.0) for row in rows]


def _given_classes(body: SelectRequest) -> list[str | None]:
    given = body.people.candidate_classes
    if given is None:
        return [None] * len(body.responses)
    if len(given) != len(body.responses):
        detail = f"{len(given)} classes for {len(body.responses)} responses: give one for each"
        raise InvalidRequest(detail, fields=[FieldError("#/people/candidate_classes", detail)])
    return list(given)


def _decided(
    body: SelectRequest,
    bank: BankPeople,
    rows: Sequence[Row],
    candidates: Sequence[Candidate],
    given: Sequence[str | None],
    scored: Rendered | None,
) -> tuple[Decision, list[str]]:
    reading = read_candidates(bank, body.question, candidates, given)
    warnings: list[str] = []
    if scored is not None:
        reading, warnings = _by_scores(bank, reading, scored, body.bank or "")
    decision = decide(
        bank,
        rows,
        reading,
        rule=body.people.fair,
        weights=_weights(body, rows),
        menu=body.people.menu,
    )
    return decision, [*warnings, *decision.warnings]


def _by_scores(
    bank: BankPeople, reading: CandidateReading, scored: Rendered, name: str
) -> tuple[CandidateReading, list[str]]:
    """The reading with what scores add, as far as the bank's labels explain its ratings."""
    cells = {c["attribute"]: c for c in scored["cells"] if c["status"] == "scored"}
    line = bank.by_attributes(sorted(cells))
    names = ", ".join(sorted(cells)) or "the attributes, which are unscored"
    if line is None:
        return reading, [f"bank {name!r} has too few labels of {names} to learn from their scores"]
    if line.worth <= 0:
        return reading, [
            f"labels of {names} explain none of the ratings in bank {name!r}, so scores count not"
        ]
    scores = np.array([[_score(one) for one in cells[a]["scores"]] for a in line.attributes])
    shift = line.shift(np.asarray(scores.T, dtype=np.float64))
    # A response's own ratings say more than its scores.
    new = np.array([source != "rated" for source in reading.sources])
    return replace(reading, shift=np.where(new, reading.shift + shift, reading.shift)), []


def _score(score: Rendered) -> float:
    calibrated = score.get("calibrated")
    return float(calibrated["score"] if calibrated else score["score"])


def _answer(
    fitted: Fitted,
    decision: Decision,
    ids: Sequence[str],
    warnings: Sequence[str],
    score_set: ScoreSet | None,
    scored: Rendered | None,
    total_ms: float,
) -> Rendered:
    answer: Rendered = {
        "selection": selection_out(decision, ids),
        "people": people_out(fitted, decision, ids),
        "usage": usage_out(score_set.usage if score_set else Usage()),
        "warnings": list(warnings),
    }
    if score_set is not None and scored is not None:
        answer["score_set"] = scored
        answer["timings_ms"] = timings_out(score_set, total_ms)
    else:
        answer["timings_ms"] = {
            "queue": 0,
            "retrieval": 0,
            "engine": 0,
            "total": round(total_ms, 2),
        }
    return answer
