"""Endpoints of vLLM cache the prompts of tenants apart; others are not sent what they refuse."""

import contextlib

import pytest
from fastapi import FastAPI

from tests.odd_endpoint import Endpoint, refusal, started
from workers.engines.base import Sampling
from workers.errors import EngineRejected
from workers.isolation import isolated
from workers.tokenization.conversation import Message


class OfVllm(Endpoint):
    """An endpoint that says that it is vLLM."""

    owner = "vllm"

    def app(self):
        app = FastAPI()

        @app.get("/v1/models")
        async def models():
            return {"data": [{"id": "m", "max_model_len": 8192, "owned_by": self.owner}]}

        app.mount("/", super().app())
        return app


class WithoutSalt(OfVllm):
    def refuses(self, body):
        return refusal(400, "Unknown field: cache_salt") if "cache_salt" in body else None


class QuotesASalt(OfVllm):
    def refuses(self, body):
        return refusal(400, "no cache_salt, says the candidate") if self.working else None


class OfAnother(WithoutSalt):
    owner = "another"


async def salts(endpoint):
    engine = await started(endpoint)
    prompt = engine.encode((Message("user", "Say yes."),))
    for salt in ("a", "", "b"):
        with isolated(salt), contextlib.suppress(EngineRejected):
            await engine.generate(prompt, {"type": "object", "properties": {}}, Sampling(9))
    return [body.get("cache_salt") for body in endpoint.bodies]


async def test_prompts_of_tenants_are_cached_apart_by_vllm():
    assert await salts(OfVllm()) == ["a", None, "b"]


@pytest.mark.parametrize("kind", [WithoutSalt, OfAnother, Endpoint])
async def test_an_endpoint_that_knows_no_salt_is_sent_none(kind):
    assert await salts(kind()) == [None] * 3


async def test_an_error_about_a_candidate_does_not_end_the_isolation():
    assert await salts(QuotesASalt()) == ["a", None, "b"]
