"""Answers of an odd form, and errors, wherever an endpoint puts them."""

import json

import pytest
from fastapi.responses import JSONResponse, Response

from app.domain.cells import Cell, Unscored
from tests.odd_endpoint import Endpoint, cell_of, refusal, started
from workers.engines.base import Sampling
from workers.errors import (
    EngineDead,
    EngineError,
    EngineOverloaded,
    EngineRejected,
    EngineUnavailable,
    QuotaUsedUp,
)
from workers.methods.digit_reading.method import DIGITS
from workers.tokenization.conversation import Message


class Parts(Endpoint):
    def choice(self, text):
        thoughts = {"type": "thinking", "thinking": [{"type": "text", "text": '{"A": 1}'}]}
        halves = [{"type": "text", "text": half} for half in (text[:9], text[9:])]
        return {"message": {"content": [thoughts, *halves]}, "finish_reason": "stop"}


class InReasoning(Endpoint):
    def choice(self, text):
        return {"message": {"content": None, "reasoning": f"\n{text}"}, "finish_reason": "stop"}


class Fenced(Endpoint):
    def choice(self, text):
        floats = text.replace("85", "85.0")
        return super().choice(f"<think>Hm.</think>Here you are:\n```json\n{floats}\n```")


@pytest.mark.parametrize("kind", [Parts, InReasoning, Fenced])
async def test_answers_are_read_from_parts_reasonings_and_fences(kind):
    cell = await cell_of(kind())
    assert [score.score for score in cell.scores] == [0.85, 0.85]


class HalfAnEmoji(Endpoint):
    def writes(self, body):
        text = json.dumps(super().writes(body)).replace("It says so", "It says so \\ud83d")
        return Response(text, media_type="application/json")


class Brackets(Endpoint):
    def choice(self, text):
        return super().choice("[" * 3000)


class DeepObjects(Endpoint):
    def choice(self, text):
        return super().choice('{"A":' * 3000 + "1" + "}" * 3000)


@pytest.mark.parametrize("kind", [HalfAnEmoji, Brackets, DeepObjects])
async def test_half_an_emoji_and_thousands_of_brackets_are_invalid_output(kind):
    cell = await cell_of(kind())
    assert cell.reason == "invalid-output"
    cell.detail.encode()


class Refuses(Endpoint):
    def choice(self, text):
        return {"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}


class Filters(Endpoint):
    def choice(self, text):
        return {"message": {"content": None}, "finish_reason": "content_filter"}


@pytest.mark.parametrize("kind", [Refuses, Filters])
async def test_a_refusal_to_answer_is_reported_as_one(kind):
    cell = await cell_of(kind())
    assert cell.reason == "invalid-output"
    assert "refused by the model" in cell.detail


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"message": {"content": [[]]}}]},
        {"choices": [{"message": {"content": "\ud83d"}}], "usage": {"prompt_tokens": "many"}},
        {"choices": [{"message": None}]},
        {"choices": ["\ud83d"]},
        {
            "choices": [
                {"message": {"content": "x"}, "logprobs": {"content": [{"top_logprobs": 5}]}}
            ]
        },
        {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "1"}]}]}}]},
        {"choices": [{"logprobs": {"top_logprobs": [{"1": "high"}]}}]},
        {"choices": {}},
        [],
        "no",
        None,
    ],
    ids=range(12),
)
async def test_an_answer_of_any_form_is_read_or_an_engine_error(answer):
    class Odd(Endpoint):
        def refuses(self, body):
            text = json.dumps(answer)
            return Response(text, media_type="application/json") if self.working else None

    engine = await started(Odd())
    prompt = engine.encode((Message("user", "Hi"),))
    for asked in (
        engine.generate(prompt, {"type": "object"}, Sampling(max_tokens=9)),
        engine.read_probabilities(prompt, DIGITS),
    ):
        try:
            await asked
        except EngineError as error:
            str(error).encode()


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (200, {"error": {"message": "Upstream overloaded", "code": 502}}, EngineUnavailable),
        (200, {"error": {"message": "slow down", "code": "429"}}, EngineOverloaded),
        (200, {"error": {"message": "x", "type": "rate_limit_error"}}, EngineOverloaded),
        (200, {"error": {"message": "x", "code": "server_error"}}, EngineUnavailable),
        (200, {"error": "overloaded", "code": 503}, EngineUnavailable),
        (200, {"object": "error", "message": "too much", "code": 400}, EngineRejected),
        (200, {"choices": [{"error": {"code": 502, "message": "x"}}]}, EngineUnavailable),
        (200, {"error": {"message": "x", "code": "insufficient_quota"}}, QuotaUsedUp),
        (429, {"error": {"message": "x", "type": "insufficient_quota"}}, QuotaUsedUp),
        (429, {"error": {"message": "You exceeded your current quota."}}, QuotaUsedUp),
        (429, {"error": {"message": "Rate limit reached for requests"}}, EngineOverloaded),
        (402, {"error": {"message": "Insufficient Balance"}}, QuotaUsedUp),
        (408, {"error": {"message": "timeout"}}, EngineUnavailable),
        (500, "no JSON", EngineUnavailable),
    ],
    ids=str,
)
async def test_an_error_means_the_same_as_a_status_and_within_a_document(
    status, document, expected
):
    class Failing(Endpoint):
        def refuses(self, body):
            return JSONResponse(document, status) if self.working else None

    engine = await started(Failing())
    prompt = engine.encode((Message("user", "Hi"),))
    with pytest.raises(EngineError) as raised:
        await engine.generate(prompt, {"type": "object"}, Sampling(max_tokens=9))
    assert type(raised.value) is expected


async def test_a_quota_that_is_used_up_is_reported_at_once():
    class Quota(Endpoint):
        def refuses(self, body):
            if "response_format" in body or "logprobs" in body:
                return refusal(429, "You exceeded your current quota", type="insufficient_quota")
            return None

    cell = await cell_of(endpoint := Quota())
    assert isinstance(cell, Unscored)
    assert cell.reason == "engine-error"
    assert "quota" in cell.detail
    assert len(endpoint.bodies) == 1


async def test_a_quota_that_comes_back_after_the_start_has_the_worker_start_again():
    """What the endpoint refuses could not be found out: digits, for one, were not read."""

    class Empty(Endpoint):
        empty = True

        def refuses(self, body):
            checking = "response_format" not in body and "logprobs" not in body
            if checking or not self.empty:
                return None
            return refusal(429, "x", type="insufficient_quota")

    engine = await started(endpoint := Empty())
    assert engine.check_tokens(("0", "1")) is not None
    await engine.check()
    endpoint.empty = False
    with pytest.raises(EngineDead, match="quota again"):
        await engine.check()


async def test_the_start_waits_for_what_passes(monkeypatch):
    monkeypatch.setattr("workers.engines.endpoint.client._WAITS_S", (0.0, 0.0))
    answers = iter([503, 429])

    class Starting(Endpoint):
        def refuses(self, body):
            status = next(answers, None) if "response_format" in body else None
            return status and refusal(status, "come back")

    assert isinstance(await cell_of(Starting()), Cell)


async def test_the_start_gives_up_on_what_does_not_pass(monkeypatch):
    monkeypatch.setattr("workers.engines.endpoint.client._WAITS_S", (0.0, 0.0))

    class Down(Endpoint):
        def refuses(self, body):
            return refusal(503, "maintenance")

    with pytest.raises(EngineUnavailable, match="maintenance"):
        await started(Down())
