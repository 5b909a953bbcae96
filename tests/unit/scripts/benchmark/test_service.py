"""A service that is full, away, or was never there."""

import asyncio

import httpx
import pytest

from scripts.benchmark.running import service as module
from scripts.benchmark.running.service import Service, ServiceAway


class Answers:
    """Answers by turns: a status, or None for a connection that breaks."""

    def __init__(self, *turns):
        self.turns = list(turns)

    async def __call__(self, request):
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if turn is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(turn, json={}, headers={"Retry-After": "0.01"})


def service_with(monkeypatch, answers, patience_s):
    made = httpx.AsyncClient(base_url="http://it", transport=httpx.MockTransport(answers))
    monkeypatch.setattr(module.httpx, "AsyncClient", lambda **_: made)
    return Service("http://it", 1, patience_s=patience_s)


async def test_a_full_or_restarted_service_is_waited_for(monkeypatch):
    answers = Answers(200, 429, 503, None, 200)
    async with service_with(monkeypatch, answers, patience_s=10) as service:
        await service.get("/")
        assert await service.get("/") == {}


async def test_patience_begins_when_the_service_goes_not_with_the_request(monkeypatch):
    """A request that broke after minutes of waiting for its scores is still sent again."""
    answers = Answers(503, 200)

    async def slowly(request):
        await asyncio.sleep(0.3)
        return await answers(request)

    async with service_with(monkeypatch, slowly, patience_s=0.2) as service:
        assert await service.get("/") == {}


async def test_a_service_that_stays_full_ends_the_run(monkeypatch):
    async with service_with(monkeypatch, Answers(429), patience_s=0.05) as service:
        with pytest.raises(ServiceAway, match="429"):
            await service.get("/")


async def test_one_that_never_answered_is_given_up_sooner(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_PATIENCE_S", 0.5)
    async with service_with(monkeypatch, Answers(None), patience_s=600) as service:
        with pytest.raises(ServiceAway, match="cannot be reached"):
            await service.get("/")
