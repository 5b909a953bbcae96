"""Bursts of requests are delayed but not rejected, over real HTTP with API and worker."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.support import Service


def _scenario(number: int) -> dict[str, Any]:
    return {
        "question": f"Question {number}: how do I boil an egg?",
        "responses": ["Ten minutes in boiling water.", f"Ask somebody else, say number {number}."],
        "attributes": ["helpfulness"],
        "target": {"helpfulness": 1.0},
    }


async def _at_once(url: str, bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=len(bodies))
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120) as client:
        return await asyncio.gather(*(client.post("/v1/select", json=body) for body in bodies))


@pytest.mark.parametrize(
    ("requests", "connections"),
    [
        pytest.param(400, {}, id="400 with default settings"),
        pytest.param(100, {"AZIMUTH_REDIS_CONNECTIONS": "4"}, id="100 over four connections"),
    ],
)
def test_concurrent_requests_all_succeed_fresh_and_cached(
    service: Service, requests: int, connections: dict[str, str]
) -> None:
    service.start_api(**connections)
    service.start_worker()
    bodies = [_scenario(number) for number in range(requests)]
    for cached in (False, True):
        answers = asyncio.run(_at_once(service.url, bodies))
        assert Counter(answer.status_code for answer in answers) == {200: requests}
        hits = [a.json()["score_set"]["cells"][0]["cached"] for a in answers]
        assert hits == [cached] * requests
