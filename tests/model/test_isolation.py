"""vLLM caches prefixes of prompts for each tenant apart."""

import pytest

from workers.engines.base import Sampling
from workers.isolation import isolated
from workers.tokenization.conversation import Message

pytestmark = pytest.mark.model
SCHEMA = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}


def test_a_tenant_finds_its_own_prefixes_in_the_cache_and_no_others(vllm_engine):
    prompt = vllm_engine.encode(Message("user", "How long does an egg take to boil? " * 30))
    sampling = Sampling(temperature=0.0, max_tokens=10, samples=1)

    def cached(tenant: str) -> int:
        with isolated(tenant):
            return vllm_engine.generate(prompt, SCHEMA, sampling).cached_prompt_tokens

    assert cached("a") == 0
    assert cached("a") > 0
    assert cached("b") == 0
    assert cached("") == 0
    assert cached("b") > 0
