"""Limits of API keys: requests and tokens in a window, counted in one round trip."""

import asyncio

import pytest
from msgspec.structs import replace

from app.access.limits import limit_headers, refusal
from app.access.policy import costs_tokens
from app.domain.access import ApiKey, Grant
from app.domain.cells import CandidateScore, Cell, Unscored, Usage
from app.store.key_usage import KeyUsage
from app.store.tenancy import acting_for, payer
from tests.contract.test_round_trips import counted
from tests.jobs import HELP, WIT, cell, job


def key(requests: int | None = None, tokens: int | None = None, key_id: str = "k") -> ApiKey:
    return ApiKey(key_id, Grant("t", ("select",), requests, tokens), created_ms=0)


async def test_requests_up_to_the_limit_are_allowed_in_each_window(redis):
    usage = KeyUsage(redis, window_s=0.3)
    for _ in range(2):
        taken = [await usage.take(key(requests=3), costs_tokens=False) for _ in range(5)]
        assert [one.allowed for one in taken] == [True, True, True, False, False]
        assert [one.allowances[0].remaining for one in taken] == [2, 1, 0, 0, 0]
        assert (await usage.take(key(requests=3, key_id="other"), costs_tokens=False)).allowed
        await asyncio.sleep(0.35)


async def test_as_many_requests_as_allowed_pass_at_once(redis):
    usage = KeyUsage(redis)
    taken = await asyncio.gather(
        *(usage.take(key(requests=10), costs_tokens=True) for _ in range(50))
    )
    assert sum(one.allowed for one in taken) == 10


async def test_tokens_are_counted_when_cells_are_scored_and_only_once(redis, queue):
    usage, limited = KeyUsage(redis), key(tokens=1000)
    assert (await usage.take(limited, costs_tokens=True)).allowances[0].remaining == 1000
    paid = replace(job(HELP, WIT), payer="k")
    fields = dict(zip(("help", "wit"), paid.cells, strict=True))
    used = Usage(prompt_tokens=500, cached_prompt_tokens=400, output_tokens=100)
    results = {
        fields["help"]: replace(cell(), usage=used),
        fields["wit"]: Unscored("wit", "truncated", "too long"),
    }
    for _ in range(2):  # as a job that is delivered twice
        await queue.settle(paid, results)
    assert (await usage.take(limited, costs_tokens=True)).allowances[0].remaining == 400
    await queue.settle(paid, {fields["wit"]: replace(cell(WIT), usage=used)})
    taken = await usage.take(limited, costs_tokens=True)
    assert (taken.allowed, taken.allowances[0].remaining) == (False, 0)
    assert (await usage.take(limited, costs_tokens=False)).allowed
    assert 0 < await redis.pttl("azimuth:key-tokens:k") <= 60_000


async def test_cells_of_requests_without_a_limit_of_tokens_are_not_counted(redis, queue):
    one = job()
    (field,) = one.cells
    scored = Cell("help", (CandidateScore(0.5),), usage=Usage(prompt_tokens=5))
    await queue.settle(one, {field: scored})
    assert await redis.keys("azimuth:key-*") == []


@pytest.mark.parametrize(
    ("requests", "tokens", "trips"), [(5, 5, 1), (5, None, 1), (None, None, 0)]
)
async def test_limits_cost_one_round_trip_at_most(redis, requests, tokens, trips):
    usage = KeyUsage(redis)
    await usage.take(key(1, 1, "x"), costs_tokens=True)  # the script is loaded from here on
    async with counted(redis) as commands:
        await usage.take(key(requests, tokens), costs_tokens=True)
    assert commands == ["EVALSHA"] * trips


async def test_clients_read_limits_in_headers_and_in_the_refusal(redis):
    usage = KeyUsage(redis)
    taken = await usage.take(key(1, 900), costs_tokens=True)
    assert limit_headers(taken.allowances) == [
        (
            b"ratelimit-policy",
            b'"requests";q=1;qu="requests";w=60, "tokens";q=900;qu="tokens";w=60',
        ),
        (b"ratelimit", b'"requests";r=0;t=60, "tokens";r=900;t=60'),
    ]
    refused = await usage.take(key(1, 900), costs_tokens=True)
    assert not refused.allowed
    error = refusal(refused.allowances)
    assert error.detail == "the API key has used its limit of 1 requests a minute"
    assert 0 < error.retry_after_s <= 60
    assert limit_headers(()) == []


def test_the_limit_of_tokens_applies_where_a_judge_may_be_called():
    for method, path in (
        ("POST", "/v1/score"),
        ("POST", "/select"),
        ("PUT", "/v1/calibrations/a\nb"),
    ):
        assert costs_tokens(method, path)
    for method, path in (
        ("POST", "/v1/retarget"),
        ("GET", "/v1/score-sets/x"),
        ("GET", "/v1/calibrations/x"),
        ("PUT", "/v1/banks/x"),
    ):
        assert not costs_tokens(method, path)


async def test_what_a_request_starts_in_the_background_is_paid_by_its_key():
    async def later() -> str:
        await asyncio.sleep(0.01)
        return payer()

    with acting_for("t", payer="k"):
        task = asyncio.create_task(later())
    assert payer() == ""
    assert await task == "k"
