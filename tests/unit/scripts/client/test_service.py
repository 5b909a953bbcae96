"""Scoring requests whose answers come later, never, or with a problem."""

import json

import httpx
import pytest

from app.scoring.schemas import SCORER_EXAMPLE
from scripts.client import connection, service
from scripts.client.problems import ServiceProblem
from scripts.client.service import Service

NO_TIME = {"queue": 0, "retrieval": 0, "engine": 0, "total": 0}
NO_TOKENS = {"prompt_tokens": 0, "cached_prompt_tokens": 0, "output_tokens": 0}
PLACE = "/v1/score-sets/s"
PENDING = httpx.Response(202, json={}, headers={"Location": PLACE, "Retry-After": "1"})


def cell(name, status, **more):
    return {"attribute": name, "status": status, "definition_id": f"{name}@1"} | more


def scored(name="wit"):
    return cell(
        name, "scored", kind="score", cached=True, scores=[], examples=[], examples_dropped=[],
        levels_uncovered=[], answers_discarded=0, usage=NO_TOKENS, timings_ms=NO_TIME,
    )  # fmt: skip


def unscored(name="wit"):
    return cell(name, "unscored", reason="truncated", detail="too long")


def score_set(status, *cells):
    return {
        "id": "s", "status": status, "candidates": [], "cells": list(cells),
        "scorer": SCORER_EXAMPLE, "warnings": [],
    }  # fmt: skip


def answer(document, status=200):
    return httpx.Response(status, json=document)


def score_answer(*cells):
    return answer(score_set("complete", *cells) | {"usage": NO_TOKENS, "timings_ms": NO_TIME})


def problem(slug, status, **more):
    document = {"type": f"/problems/{slug}", "title": "No", "status": status, "detail": "no"}
    return answer(document | {"request_id": "r"} | more, status)


class Azimuth:
    """Answers requests and look-ups by turns; the last turn is repeated."""

    def __init__(self, posts, looks=()):
        self.turns = {"POST": list(posts), "GET": list(looks)}
        self.sent = []

    async def __call__(self, request):
        if request.method == "POST":
            self.sent.append(json.loads(request.content))
        turns = self.turns[request.method]
        turn = turns.pop(0) if len(turns) > 1 else turns[0]
        return httpx.Response(turn.status_code, headers=turn.headers, content=turn.content)


@pytest.fixture
def client_of(monkeypatch):
    """A client of an Azimuth that polls without a pause."""
    monkeypatch.setattr(service, "_FIRST_POLL_S", 0.0)
    make = httpx.AsyncClient

    def client_of(azimuth):
        transport = httpx.MockTransport(azimuth)
        monkeypatch.setattr(
            connection.httpx,
            "AsyncClient",
            lambda **_: make(base_url="http://it", transport=transport),
        )
        return Service("http://it")

    return client_of


async def test_pending_scores_are_polled_for_and_are_not_called_cached(client_of):
    looks = [
        answer(score_set("pending", cell("wit", "pending"), scored("care"))),
        answer(score_set("complete", scored("wit"), scored("care"))),
    ]
    azimuth = Azimuth([PENDING, score_answer(scored("wit"), scored("care"))], looks)
    async with client_of(azimuth) as client:
        result, _ = await client.score({"attributes": ["wit", "care"]})
    assert [(c.attribute, c.cached) for c in result.cells] == [("wit", False), ("care", True)]
    assert len(azimuth.sent) == 2


async def test_cells_that_stay_unscored_are_returned_after_some_attempts(client_of):
    looks = [answer(score_set("partial", unscored("wit"), unscored("care")))]
    azimuth = Azimuth([PENDING], looks)
    async with client_of(azimuth) as client:
        result, _ = await client.score({"attributes": ["wit"]})
    assert [(c.attribute, c.status) for c in result.cells] == [("wit", "unscored")]
    assert len(azimuth.sent) == 3


async def test_a_selection_whose_cells_stay_unscored_is_a_problem(client_of):
    azimuth = Azimuth([PENDING], [answer(score_set("partial", unscored()))])
    async with client_of(azimuth) as client:
        with pytest.raises(ServiceProblem, match="truncated, 3 times") as raised:
            await client.select({})
    assert raised.value.unscored_reason == "truncated"
    assert not raised.value.is_permanent


async def test_a_score_set_that_the_service_lost_is_requested_again(client_of):
    azimuth = Azimuth([PENDING, score_answer(scored())], [problem("unknown-score-set", 404)])
    async with client_of(azimuth) as client:
        result, _ = await client.score({})
    assert result.status == "complete"


async def test_a_deadline_above_the_service_s_limit_is_left_out_from_then_on(client_of):
    refused = problem("invalid-request", 422, errors=[{"pointer": "#/deadline_s", "detail": "no"}])
    azimuth = Azimuth([refused, score_answer(scored())])
    async with client_of(azimuth) as client:
        await client.score({})
        await client.score({})
    assert ["deadline_s" in body for body in azimuth.sent] == [True, False, False]


async def test_an_answer_that_is_no_problem_document_becomes_one(client_of):
    async with client_of(Azimuth([httpx.Response(502, text="<html>Bad Gateway")])) as client:
        with pytest.raises(ServiceProblem, match="502 Bad Gateway: <html>"):
            await client.score({})


@pytest.mark.parametrize(
    ("slug", "pointers", "permanent"),
    [
        ("unknown-bank", [], True),
        ("unknown-score-set", [], False),
        ("invalid-request", ["#/scoring/examples"], True),
        ("invalid-request", ["#/responses/0"], False),
        ("queue-full", [], False),
    ],
)
async def test_a_problem_with_the_settings_is_permanent(client_of, slug, pointers, permanent):
    errors = [{"pointer": pointer, "detail": "no"} for pointer in pointers]
    async with client_of(Azimuth([problem(slug, 422, errors=errors or None)])) as client:
        with pytest.raises(ServiceProblem) as raised:
            await client.retarget({})
    assert raised.value.is_permanent == permanent
