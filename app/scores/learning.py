"""`POST /v1/learn-target`: the target behind what a person or a group preferred."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body
from fastapi.responses import Response
from pydantic import Field, model_validator

from app.domain.arrays import Floats
from app.domain.people.bank import BankPeople
from app.domain.score_set import ScoreSet
from app.domain.selection.learning import LearnedTarget, learn_target, preferences
from app.errors import FieldError, InvalidRequest
from app.http.json_answers import json_answer
from app.http.provided import provided
from app.http.responses import answers, problem_responses
from app.http.routing import JsonRoute
from app.people.fitted import FittedBanks
from app.people.reading import group_row, person_row
from app.people.requests import PersonIn
from app.schema import Closed, Maybe, Name, Number, Open, Reference
from app.selection.selector import Selector
from app.store.recent_score_sets import RecentScoreSets
from app.store.tenancy import own_score_set

router = APIRouter(tags=["scoring"], route_class=JsonRoute)


class ObservedIn(Closed):
    """A score set, and what was preferred among its candidates."""

    score_set_id: str
    preferred: Annotated[str, Field(max_length=200)] | None = None
    """Id of the candidate that was preferred to all others."""
    ratings: Annotated[list[Number | None], Field(min_length=2, max_length=1000)] | None = None
    """In place of it: a rating for each candidate in its order, on any scale; null without one."""

    @model_validator(mode="after")
    def _one_of_them(self) -> ObservedIn:
        if (self.preferred is None) == (self.ratings is None):
            raise ValueError("give the preferred candidate, or else ratings")
        return self


class LearnTargetRequest(Closed):
    """What was preferred: of scored candidates, or of a bank's labelled responses."""

    observed: Annotated[list[ObservedIn], Field(min_length=1, max_length=10_000)] | None = None
    bank: Name | None = None
    """In place of `observed`: a bank whose responses have labels and ratings."""
    group: Name | None = None
    """Group of the bank whose mean ratings are explained."""
    rater: Name | None = None
    """Rater of the bank whose ratings are explained; without both, those of all raters are."""
    attributes: Annotated[list[Reference], Field(min_length=1, max_length=100)] | None = None
    """Attributes to explain it by; by default all of the first score set, or of the bank."""
    calibration: Name = "auto"
    """As in `/retarget`: the target is learned from the scores that selections compare."""

    @model_validator(mode="after")
    def _one_source(self) -> LearnTargetRequest:
        if (self.observed is None) == (self.bank is None):
            raise ValueError("give observed, or else a bank")
        if self.bank is None and (self.group is not None or self.rater is not None):
            raise ValueError("group and rater are of a bank: name the bank as well")
        if self.group is not None and self.rater is not None:
            raise ValueError("name a group or a rater, not both")
        return self


class LearnedTargetOut(Open):
    """The target and weights that best explain what was preferred."""

    target: dict[str, float]
    """As in requests to `/select` and `/retarget`. Attributes that explain nothing are left out."""
    weights: dict[str, float]
    """For `selection.weights`; the largest is 1."""
    accuracy: Maybe[float] = None
    """Share of pairs of responses, in scenarios that were left out, that a target learned from the
    others puts in the right order. Chance is 0.5; absent with a single scenario."""
    pairs: int
    """Pairs of responses of which one was preferred."""
    scenarios: int
    warnings: list[str]
    timings_ms: dict[str, float]


_EXAMPLE: dict[str, Any] = {
    "target": {"helpfulness": 1.0, "verbosity": 0.32},
    "weights": {"helpfulness": 1.0, "verbosity": 0.41},
    "accuracy": 0.71,
    "pairs": 240,
    "scenarios": 80,
    "warnings": [],
    "timings_ms": {"total": 41.2},
}
_REQUESTS: dict[str, Any] = {
    "preferred": {
        "summary": "From the candidates that were preferred, and from ratings",
        "value": {
            "observed": [
                {"score_set_id": "4b7c2f0e9d1a4c55a3f1d0b2c8e7a691.5d0c1a2b", "preferred": "a"},
                {"score_set_id": "0c55a3f1d0b2c8e7a6914b7c2f0e9d1a.5d0c1a2b", "ratings": [4, 2]},
            ]
        },
    },
    "bank": {
        "summary": "From a group's ratings of a bank's labelled responses",
        "value": {"bank": "neighbours", "group": "north", "attributes": ["helpfulness"]},
    },
}
_POOR = 0.55
"""Accuracy below which the answer warns: chance is 0.5."""


@router.post(
    "/learn-target",
    operation_id="learn_target",
    summary="Learn a target from preferences",
    response_model=LearnedTargetOut,
    responses=answers(_EXAMPLE, "The target")
    | problem_responses(
        "malformed-body",
        "invalid-request",
        "unknown-score-set",
        "unknown-bank",
        "unknown-calibration",
        "attribute-not-scored",
        "cells-unscored",
        "body-too-large",
        "unsupported-format",
        "store-unavailable",
    ),
)
async def learn(
    body: Annotated[LearnTargetRequest, Body(openapi_examples=_REQUESTS)],
    recent: Annotated[RecentScoreSets, provided(RecentScoreSets)],
    selector: Annotated[Selector, provided(Selector)],
    fitted: Annotated[FittedBanks, provided(FittedBanks)],
) -> Response:
    """Find the value and weight of each attribute that best explain which responses were preferred:
    a person's or a group's choices, or ratings. No model is called. The result is an ordinary
    target, for `/select` and `/retarget`."""
    started = time.perf_counter()
    if body.bank is not None:
        found = await fitted.get(body.bank, "#/bank")
        scores, ratings, names = await asyncio.to_thread(_of_bank, body, found.people)
    else:
        scores, ratings, names = await _of_score_sets(body, recent, selector)
    learned = await asyncio.to_thread(_learned, scores, ratings, names)
    total = round((time.perf_counter() - started) * 1000, 2)
    return json_answer(_out(learned, total))


def _learned(
    scores: Sequence[Floats], ratings: Sequence[Floats], names: Sequence[str]
) -> LearnedTarget:
    try:
        return learn_target(preferences(scores, ratings, len(names)), names)
    except ValueError as error:
        raise InvalidRequest(str(error), fields=[FieldError("#", str(error))]) from error


def _out(learned: LearnedTarget, total_ms: float) -> dict[str, Any]:
    warnings: list[str] = []
    if learned.accuracy is not None and learned.accuracy < _POOR:
        warnings.append(
            f"the target orders {learned.accuracy:.0%} of the pairs of other scenarios rightly, "
            "where chance is 50%: these attributes hardly explain what was preferred"
        )
    out: dict[str, Any] = {"target": learned.target, "weights": learned.weights}
    if learned.accuracy is not None:
        out["accuracy"] = learned.accuracy
    return out | {
        "pairs": learned.pairs,
        "scenarios": learned.scenarios,
        "warnings": warnings,
        "timings_ms": {"total": total_ms},
    }


async def _of_score_sets(
    body: LearnTargetRequest, recent: RecentScoreSets, selector: Selector
) -> tuple[list[Floats], list[Floats], list[str]]:
    observed = body.observed or []
    ids = [own_score_set(one.score_set_id) for one in observed]
    stored = await recent.get(ids, list(body.attributes or ()), texts=False)
    names = list(body.attributes or ()) or _scored(stored[0])
    scores = await selector.compared(
        [(one.score_set_id, score_set) for one, score_set in zip(observed, stored, strict=True)],
        names,
        body.calibration,
    )
    ratings = [
        _ratings(one, score_set, len(score), index)
        for index, (one, score_set, score) in enumerate(zip(observed, stored, scores, strict=True))
    ]
    return scores, ratings, names


def _scored(score_set: ScoreSet | None) -> list[str]:
    """Attributes of a score set; some name where it is unknown, which is then the problem."""
    cells = score_set.scores.values() if score_set is not None else ()
    names = list(dict.fromkeys(cell.attribute for cell in cells))
    if not names and score_set is not None:
        detail = "the first score set has no scores: name the attributes"
        raise InvalidRequest(detail, fields=[FieldError("#/attributes", detail)])
    return names or ["attribute"]


def _ratings(one: ObservedIn, score_set: ScoreSet | None, count: int, index: int) -> Floats:
    where = f"#/observed/{index}"
    if one.ratings is not None:
        if len(one.ratings) != count:
            detail = f"{len(one.ratings)} ratings for {count} candidates"
            raise InvalidRequest(detail, fields=[FieldError(f"{where}/ratings", detail)])
        return np.array([np.nan if r is None else r for r in one.ratings], dtype=np.float64)
    ids = score_set.presentation.ids if score_set and score_set.presentation else ()
    if one.preferred not in ids:
        detail = f"{one.preferred!r} is no candidate of the score set: {', '.join(ids[:20])}"
        raise InvalidRequest(detail, fields=[FieldError(f"{where}/preferred", detail)])
    chosen = np.zeros(count)
    chosen[ids.index(str(one.preferred))] = 1.0
    return chosen


def _of_bank(
    body: LearnTargetRequest, bank: BankPeople
) -> tuple[list[Floats], list[Floats], list[str]]:
    """Labels and mean ratings of the bank's responses that have all labels, by scenario."""
    names = list(body.attributes or ()) or sorted(
        {name for one in bank.bank.scenarios for labels in one.labels for name in labels}
    )
    table = bank.table
    if body.group is not None:
        group_row(bank, body.group, "#/group")
        table = table.of_group(body.group)
    elif body.rater is not None:
        person_row(bank, PersonIn(rater=body.rater))
        table = table.rows(table.rater == table.raters.index(body.rater))
    shape = table.response_class.shape
    cell = table.scenario * shape[1] + table.response
    count = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(cell, table.value, minlength=shape[0] * shape[1]).reshape(shape)
    scores: list[Floats] = []
    ratings: list[Floats] = []
    for place, scenario in enumerate(bank.bank.scenarios):
        rows = [[of.get(name, np.nan) for name in names] for of in scenario.labels]
        labels = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
        known = np.flatnonzero(~np.isnan(labels).any(axis=1))
        known = known[count[place, known] > 0]
        if len(known) > 1:
            scores.append(labels[known])
            ratings.append(np.asarray(total[place, known] / count[place, known]))
    if not names or not scores:
        detail = f"bank {body.bank!r} has no scenario with labels and ratings of two responses"
        raise InvalidRequest(detail, fields=[FieldError("#/bank", detail)])
    return scores, ratings, names
