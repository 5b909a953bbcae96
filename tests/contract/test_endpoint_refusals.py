"""Endpoints that refuse a part of OpenAI's API are asked in another way, and the log says so."""

import json
import logging

import pytest
from fastapi.responses import JSONResponse

from app.domain.cells import Cell
from tests.odd_endpoint import Endpoint, cell_of, refusal, started
from tests.unit.workers.scripted import scored
from workers.engines.base import Sampling
from workers.errors import EngineRejected
from workers.methods.digit_reading.method import DIGITS
from workers.tokenization.conversation import Message

STANDARD = {"model", "n", "temperature", "max_tokens", "response_format", "seed", "messages"}
READING = {"model", "max_tokens", "temperature", "messages", "logprobs", "top_logprobs"}
SETTINGS = "prompt=chat tokenizer=endpoint"


async def test_a_well_behaved_endpoint_is_asked_as_openai_documents():
    endpoint = Endpoint()
    engine = await started(endpoint)
    assert endpoint.info.settings == SETTINGS
    assert engine.check_tokens(DIGITS) is None
    cell = (await scored(engine, bank=False, examples=0, samples=3, temperature=0.5))["depth"]
    assert isinstance(cell, Cell)
    (body,) = endpoint.bodies
    assert body.keys() == STANDARD
    assert body["n"] == 3
    assert body["response_format"]["json_schema"]["strict"] is True
    endpoint.bodies.clear()
    await scored(engine, bank=False, examples=0, reasoning=False)
    assert all(body.keys() == READING for body in endpoint.bodies)
    assert {body["top_logprobs"] for body in endpoint.bodies} == {20}


class RefusesN(Endpoint):
    status = 400
    message = "Only one completion choice is allowed"

    def refuses(self, body):
        if body.get("n", 1) > 1:
            return refusal(self.status, self.message)
        return None


class FailsWithN(RefusesN):
    status = 500


class RefusesNWithoutAWord(RefusesN):
    message = "Bad request"


@pytest.mark.parametrize("kind", [RefusesN, FailsWithN, RefusesNWithoutAWord])
async def test_samples_are_requested_one_by_one_where_n_is_refused_and_never_again_together(kind):
    endpoint = kind()
    engine = await started(endpoint)
    many = {"samples": 3, "temperature": 0.7, "bank": False, "examples": 0}
    cell = (await scored(engine, **many))["depth"]
    assert isinstance(cell, Cell)
    assert len({body["seed"] for body in endpoint.bodies}) == 3
    endpoint.bodies.clear()
    assert isinstance((await scored(engine, **many))["depth"], Cell)
    assert [body.get("n", 1) for body in endpoint.bodies] == [1, 1, 1]


class RefusesSchemas(Endpoint):
    def refuses(self, body):
        if body.get("response_format", {}).get("type") == "json_schema":
            return refusal(400, "This response_format type is unavailable now")
        return None


class RefusesFormats(Endpoint):
    def refuses(self, body):
        if "response_format" in body:
            return refusal(422, "Extra inputs are not permitted", param="response_format")
        return None


class BreaksAtJsonObject(RefusesSchemas):
    def refuses(self, body):
        if body.get("response_format", {}).get("type") == "json_object":
            return refusal(500, "Internal Server Error")
        return super().refuses(body)


class RefusesLimits(Endpoint):
    def refuses(self, body):
        if "maxLength" in json.dumps(body.get("response_format", {})):
            return refusal(400, "Invalid schema for response_format: 'maxLength' is not permitted")
        if "maximum" in json.dumps(body.get("response_format", {})):
            return refusal(400, "Invalid schema for response_format: 'maximum' is not permitted")
        return None


@pytest.mark.parametrize(
    ("kind", "learned"),
    [
        (RefusesSchemas, "json_object"),
        (RefusesFormats, "text"),
        (BreaksAtJsonObject, "text"),
        (RefusesLimits, "plain_schema"),
    ],
)
async def test_json_is_requested_in_another_way_where_schemas_are_refused(kind, learned, caplog):
    endpoint = kind()
    with caplog.at_level(logging.WARNING):
        engine = await started(endpoint)
    assert endpoint.info.settings == f"{SETTINGS} format={learned}"
    assert "the endpoint refuses" in caplog.text
    cell = (await scored(engine, bank=False, examples=0))["depth"]
    assert isinstance(cell, Cell)
    (body,) = endpoint.bodies
    wanted = body.get("response_format", {"type": "text"})
    assert wanted["type"] == {"plain_schema": "json_schema"}.get(learned, learned)
    assert "maxLength" not in json.dumps(wanted)
    told = "maxLength" in body["messages"][0]["content"]
    assert told is (learned != "plain_schema")


class RefusesMaxTokens(Endpoint):
    def refuses(self, body):
        if "max_tokens" in body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return refusal(400, message, code="unsupported_parameter")
        return None


async def test_max_completion_tokens_is_sent_where_max_tokens_is_refused():
    endpoint = RefusesMaxTokens()
    engine = await started(endpoint)
    assert endpoint.info.settings == SETTINGS
    assert isinstance((await scored(engine, bank=False, examples=0))["depth"], Cell)
    assert [body["max_completion_tokens"] for body in endpoint.bodies] == [576]
    endpoint.bodies.clear()
    read = (await scored(engine, bank=False, examples=0, reasoning=False))["depth"]
    assert isinstance(read, Cell)
    assert all("max_completion_tokens" in body for body in endpoint.bodies)


class TooLong(Endpoint):
    def refuses(self, body):
        if self.working and "max_completion_tokens" not in body:
            return refusal(
                400,
                "'max_tokens' or 'max_completion_tokens' is too large: 576. This model's maximum "
                "context length is 512 tokens.",
            )
        return None


async def test_a_refused_length_is_not_taken_for_a_refused_name():
    cell = await cell_of(endpoint := TooLong())
    assert cell.reason == "engine-error"
    assert "too large" in cell.detail
    assert len(endpoint.bodies) == 1


class ModelThatThinksFirst(Endpoint):
    def refuses(self, body):
        if body.get("max_tokens") == 1 and "logprobs" not in body:
            return refusal(
                400, "Could not finish the message because max_tokens or the output limit was hit"
            )
        return None


async def test_a_check_that_is_cut_in_its_thoughts_shows_that_the_model_is_alive():
    assert isinstance(await cell_of(ModelThatThinksFirst()), Cell)


class RefusesTemperature(Endpoint):
    def refuses(self, body):
        if body.get("temperature", 1) != 1:
            return refusal(400, "Unsupported value", param="temperature", code="unsupported_value")
        return None


class RefusesSeeds(Endpoint):
    def refuses(self, body):
        if "seed" in body:
            detail = [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
            return JSONResponse({"detail": detail}, 422)
        return None


async def test_a_refused_temperature_or_seed_is_left_out():
    engine = await started(endpoint := RefusesTemperature())
    assert endpoint.info.settings == f"{SETTINGS} temperature=own"
    assert isinstance((await scored(engine, bank=False, examples=0))["depth"], Cell)
    assert isinstance(await cell_of(RefusesSeeds(), temperature=0.5), Cell)


class QuotesItsInput(Endpoint):
    def refuses(self, body):
        if self.working:
            problem = {"loc": ["body", "messages"], "msg": "bad", "input": json.dumps(body)}
            return JSONResponse({"detail": [problem]}, 422)
        return None


class QuotesAMessage(Endpoint):
    def refuses(self, body):
        if self.working:
            return refusal(400, f"this may not be asked: {body['messages'][0]['content']}")
        return None


@pytest.mark.parametrize("kind", [QuotesItsInput, QuotesAMessage])
async def test_a_refusal_that_quotes_a_candidate_teaches_nothing(kind):
    engine = await started(endpoint := kind())
    words = "temperature, response_format json_schema, top_logprobs, max_completion_tokens"
    prompt = engine.encode((Message("user", words),))
    with pytest.raises(EngineRejected):
        await engine.generate(prompt, {"type": "object"}, Sampling(max_tokens=9))
    assert len(endpoint.bodies) == 1
    assert engine._client.dialect.described() == ""


class AtMostFive(Endpoint):
    def refuses(self, body):
        if body.get("top_logprobs", 0) > 5:
            return refusal(400, "top_logprobs must be at most 5")
        return None


class SentencePiece(Endpoint):
    def spelled(self, digit):
        return f"\u2581{digit}"


class ByteLevel(Endpoint):
    def spelled(self, digit):
        return f"\u0120{digit}"


class NullNow(Endpoint):
    def logprob(self, digit):
        return None if self.working and digit == 3 else -1.0


@pytest.mark.parametrize("kind", [AtMostFive, SentencePiece, ByteLevel, NullNow])
async def test_digits_are_read_whatever_their_spelling_and_how_many_are_reported(kind):
    engine = await started(kind())
    assert engine.check_tokens(DIGITS) is None
    cell = (await scored(engine, bank=False, examples=0, reasoning=False))["depth"]
    assert isinstance(cell, Cell)


class NoLogprobs(Endpoint):
    def reads(self, body):
        return {"choices": [{"message": {"content": "0"}, "logprobs": None}], "usage": None}


class RefusesLogprobs(Endpoint):
    def refuses(self, body):
        return refusal(400, "logprobs is not supported") if "logprobs" in body else None


class TokenIds(Endpoint):
    def spelled(self, digit):
        return f"token_id:{digit}"


class NullLogprobs(Endpoint):
    def logprob(self, digit):
        return None


class NoTokens(Endpoint):
    def reads(self, body):
        return {"choices": [{"message": {"content": "0"}, "logprobs": {"content": []}}]}


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (NoLogprobs, "no log-probabilities"),
        (RefusesLogprobs, "not supported"),
        (TokenIds, "by their ids"),
        (NullLogprobs, "null"),
        (NoTokens, "no log-probabilities"),
    ],
)
async def test_digit_reading_is_announced_only_where_a_first_try_worked(kind, why):
    engine = await started(endpoint := kind())
    assert why in engine.check_tokens(DIGITS)
    assert endpoint.info.settings == SETTINGS
    assert isinstance((await scored(engine, bank=False, examples=0))["depth"], Cell)


class NoLogprobsAnyMore(Endpoint):
    def logprob(self, digit):
        return None if self.working else -1.0


async def test_null_log_probabilities_are_an_invalid_output():
    cell = await cell_of(NoLogprobsAnyMore(), reasoning=False)
    assert cell.reason == "invalid-output"
