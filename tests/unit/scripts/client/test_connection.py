"""Requests to a service that is full, away, or was never there."""

import asyncio
import contextlib

import httpx
import pytest

from scripts.client import connection as module
from scripts.client.connection import Connection
from scripts.client.problems import ServiceAway


class Answers:
    """Answers by turns: a status, or None for a connection that breaks."""

    def __init__(self, *turns):
        self.turns = list(turns)

    async def __call__(self, request):
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if turn is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(turn, json={}, headers={"Retry-After": "0.01"})


@contextlib.asynccontextmanager
async def connected(monkeypatch, answers, patience_s):
    client = httpx.AsyncClient(base_url="http://it", transport=httpx.MockTransport(answers))
    monkeypatch.setattr(module.httpx, "AsyncClient", lambda **_: client)
    connection = Connection("http://it", patience_s)
    yield connection
    await connection.close()


async def test_a_full_or_restarted_service_is_waited_for(monkeypatch):
    answers = Answers(200, 429, 503, None, 200)
    async with connected(monkeypatch, answers, patience_s=10) as connection:
        await connection.send("GET", "/")
        assert (await connection.send("GET", "/")).status_code == 200


async def test_patience_begins_when_the_service_goes_away_not_with_the_request(monkeypatch):
    """A request that broke after minutes of waiting for its scores is still sent again."""
    answers = Answers(503, 200)

    async def slowly(request):
        await asyncio.sleep(0.3)
        return await answers(request)

    async with connected(monkeypatch, slowly, patience_s=0.2) as connection:
        assert (await connection.send("GET", "/")).status_code == 200


async def test_a_service_that_stays_full_is_given_up(monkeypatch):
    async with connected(monkeypatch, Answers(429), patience_s=0.05) as connection:
        with pytest.raises(ServiceAway, match="429"):
            await connection.send("GET", "/")


async def test_a_service_that_never_answered_is_given_up_sooner(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_PATIENCE_S", 0.5)
    async with connected(monkeypatch, Answers(None), patience_s=600) as connection:
        with pytest.raises(ServiceAway, match="cannot be reached"):
            await connection.send("GET", "/")


async def test_the_api_key_of_the_environment_is_sent(monkeypatch):
    seen = []

    async def answer(request):
        seen.append(request.headers.get("x-api-key"))
        return httpx.Response(200, json={})

    monkeypatch.setenv("AZIMUTH_API_KEY", "az_x")
    for key in (module.api_key_of_environment(), None):
        client = httpx.AsyncClient(base_url="http://it", transport=httpx.MockTransport(answer))
        with monkeypatch.context() as patched:
            patched.setattr(module.httpx, "AsyncClient", lambda client=client, **_: client)
            connection = Connection("http://it", 1, key)
        await connection.send("GET", "/")
        await connection.close()
    assert seen == ["az_x", None]
