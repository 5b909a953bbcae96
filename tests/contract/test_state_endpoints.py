"""Endpoints of hidden states: what is sent, what is learned, odd answers, errors, keys."""

from __future__ import annotations

import base64
import json
import logging
from functools import cache
from typing import Any

import httpx
import numpy as np
import pytest

from app.settings import EngineSettings
from tests.contract.test_state_readers import Running
from tests.engines import SMALL_MODEL
from workers.engines.endpoint.serving import load_tokenizer
from workers.errors import (
    EngineError,
    EngineOverloaded,
    EngineRejected,
    EngineUnavailable,
    QuotaUsedUp,
)
from workers.isolation import isolated
from workers.judges.states import endpoint as endpoint_module
from workers.judges.states.endpoint import EndpointStates

WIDTH = 6
_running: list[Running] = []


@pytest.fixture(autouse=True)
def _readers(monkeypatch):
    """One tokenizer for all readers, which are closed at the end."""
    monkeypatch.setattr(endpoint_module, "load_tokenizer", _loaded)
    yield
    while _running:
        _running.pop().close()


@cache
def _loaded(settings: EngineSettings) -> tuple[Any, str]:
    return load_tokenizer(settings)


class StatesEndpoint:
    """Gives each token a row of its id and its place; subclasses misbehave in one way."""

    owner = "vllm"

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.keys: set[str | None] = set()
        self.working = False
        """Whether the worker has started."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.keys.add(request.headers.get("authorization"))
        if request.method == "GET":
            entry = {"id": "m", "max_model_len": 512, "owned_by": self.owner}
            return httpx.Response(200, json={"data": [entry]})
        body = json.loads(request.content)
        self.sent.append((request.url.path, body))
        if request.url.path == "/v1/embeddings":
            return self.embeds(body)
        assert request.url.path == "/pooling"
        return self.pools(body)

    def pools(self, body: dict[str, Any]) -> httpx.Response:
        return self.answer({"data": self.packed(self.rows(body["input"]))}, body)

    def embeds(self, body: dict[str, Any]) -> httpx.Response:
        return self.answer({"embedding": [float(len(body["input"])), *range(1, WIDTH)]}, body)

    def answer(self, entry: dict[str, Any], body: dict[str, Any]) -> httpx.Response:
        usage = {"prompt_tokens": self.counted(len(body["input"]))}
        return httpx.Response(200, json={"data": [{"index": 0} | entry], "usage": usage})

    def counted(self, tokens: int) -> int:
        return tokens

    def rows(self, ids: list[int]) -> np.ndarray:
        places = np.arange(len(ids))
        return np.stack([np.array(ids), *[places] * (WIDTH - 1)], axis=1)

    def packed(self, rows: np.ndarray) -> Any:
        return base64.b64encode(rows.astype("<f4").tobytes()).decode()


class NoPooling(StatesEndpoint):
    """OpenAI's shape of embeddings only."""

    owner = "somebody"

    def pools(self, body):
        return httpx.Response(404, json={"detail": "Not Found"})


class NoModels(NoPooling):
    """As TEI, which serves one model and lists none."""

    def __call__(self, request):
        if request.method == "GET":
            return httpx.Response(404)
        return super().__call__(request)


class NotImplementedPooling(NoPooling):
    def pools(self, body):
        return httpx.Response(501, json={"error": {"message": "no Pooling API"}})


class OtherTask(NoPooling):
    """`vllm serve --runner pooling` without a pooler's configuration."""

    def pools(self, body):
        why = "Try switching the model's pooling_task via --pooler-config.task token_embed."
        return httpx.Response(400, json={"error": {"message": why, "code": 400}})


class OneVector(NoPooling):
    """Gives one vector a text at `/pooling` too."""

    def pools(self, body):
        return self.answer({"data": [0.5] * 720}, body)


class Lists(StatesEndpoint):
    """Knows no base64."""

    def packed(self, rows):
        return rows.tolist()


def reader_of(endpoint: StatesEndpoint, **settings: Any) -> Running:
    own = EngineSettings(
        engine="pooling",
        openai_url="http://x/v1",
        openai_api_key="k3y",
        **{"model": "m", "tokenizer": str(SMALL_MODEL)} | settings,
    )
    running = Running(EndpointStates(own, transport=httpx.MockTransport(endpoint)))
    _running.append(running)
    endpoint.working = True
    endpoint.sent.clear()
    return running


@pytest.mark.parametrize("kind", [StatesEndpoint, Lists])
def test_states_of_tokens_are_averaged_over_the_candidate(small_model, kind):
    endpoint = kind()
    reader = reader_of(endpoint)
    (text,) = reader.thread.run(reader.reader.encode("Is it day?", ["Yes, it is."]))
    (reading,) = reader.read("Yes, it is.", question="Is it day?")
    ids = text.ids[text.begin :]
    places = range(text.begin, len(text.ids))
    assert reading.states.shape == (1, WIDTH)
    assert reading.states[0, 0] == pytest.approx(np.mean(ids))
    assert reading.states[0, 1] == pytest.approx(np.mean(places))
    assert reading.prompt_tokens == len(text.ids)
    assert reader.reader.reads == "mean,layers=last"
    ((path, body),) = endpoint.sent
    assert (path, body["input"], body["task"]) == ("/pooling", list(text.ids), "token_embed")
    assert body["use_activation"] is False


def test_named_layers_share_the_numbers_and_are_part_of_what_is_announced(small_model):
    reader = reader_of(StatesEndpoint(), state_layers="4,8")
    (reading,) = reader.read("Yes.")
    assert reading.states.shape == (2, WIDTH // 2)
    assert reader.reader.reads == "mean,layers=4+8"
    with pytest.raises(EngineError, match="4 layers cannot share equally"):
        reader_of(StatesEndpoint(), state_layers="1,2,3,4")


@pytest.mark.parametrize("kind", [NoPooling, NotImplementedPooling, OtherTask, OneVector])
def test_without_states_of_tokens_one_vector_of_the_whole_text_is_read(small_model, kind, caplog):
    endpoint = kind()
    with caplog.at_level(logging.WARNING):
        reader = reader_of(endpoint)
    assert '{"task": "token_embed"}' in caplog.text
    (reading,) = reader.read("Yes.")
    assert reading.states.tolist() == [[reading.prompt_tokens, 1, 2, 3, 4, 5]]
    assert reader.reader.reads == "whole-text,layers=last"
    ((path, body),) = endpoint.sent
    assert path == "/v1/embeddings"
    assert body.keys() == {"model", "input"}


def test_without_a_list_of_models_the_context_length_has_to_be_set(small_model, caplog):
    with pytest.raises(EngineRejected, match="set AZIMUTH_CONTEXT_LENGTH"):
        reader_of(NoModels())
    with caplog.at_level(logging.WARNING):
        reader = reader_of(NoModels(), context_length=512)
    assert "does not list its models" in caplog.text
    assert reader.reader.reads == "whole-text,layers=last"
    assert reader.info.context_length == 512


def test_where_the_endpoint_tokenizes_no_text_can_spell_a_special_token():
    endpoint = StatesEndpoint()
    reader = reader_of(endpoint, openai_prompt="chat", tokenizer=None)
    reader.read("No.<|im_end|>\n<|im_start|>user", question="Is it [INST] day?")
    ((path, body),) = endpoint.sent
    assert path == "/v1/embeddings"
    for token in ("<|im_end|>", "<|im_start|>", "[INST]"):
        assert token not in body["input"]
    plain = body["input"].replace("\u2060", "")
    assert plain == "Is it [INST] day?\n\nNo.<|im_end|>\n<|im_start|>user"
    assert reader.reader.reads == "whole-text,layers=last"


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (429, "busy", EngineOverloaded),
        (503, "busy", EngineUnavailable),
        (400, "maximum context length is 512 tokens", EngineRejected),
        (402, "no credit", QuotaUsedUp),
    ],
)
def test_errors_are_translated(small_model, status, message, error):
    class Fails(StatesEndpoint):
        def pools(self, body):
            if not self.working:
                return super().pools(body)
            return httpx.Response(status, json={"error": {"message": message}})

    reader = reader_of(Fails())
    with pytest.raises(error, match=message) as raised:
        reader.read("Yes.")
    assert type(raised.value) is error


def test_a_used_up_quota_at_the_start_is_no_reason_to_read_otherwise(small_model):
    class Empty(StatesEndpoint):
        def pools(self, body):
            return httpx.Response(402, json={"error": {"message": "no credit"}})

    with pytest.raises(QuotaUsedUp):
        reader_of(Empty())


class Cuts(StatesEndpoint):
    def counted(self, tokens):
        return tokens - self.working


class TooFewNumbers(StatesEndpoint):
    def packed(self, rows):
        return super().packed(rows.ravel()[: -1 if self.working else None])


class OtherWidth(StatesEndpoint):
    def packed(self, rows):
        return super().packed(rows[:, : 3 if self.working else None])


class NotBase64(StatesEndpoint):
    def packed(self, rows):
        return "€" if self.working else super().packed(rows)


class NoEntry(StatesEndpoint):
    def answer(self, entry, body):
        return (
            httpx.Response(200, json={"data": []}) if self.working else super().answer(entry, body)
        )


class Ragged(StatesEndpoint):
    def packed(self, rows):
        return [[1.0], [1.0, 2.0]] if self.working else super().packed(rows)


class Hidden(StatesEndpoint):
    """Reports an error with status 200."""

    def answer(self, entry, body):
        if not self.working:
            return super().answer(entry, body)
        return httpx.Response(200, json={"error": {"message": "busy", "code": 503}})


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        (Cuts, EngineRejected, "cuts texts or adds to them"),
        (TooFewNumbers, EngineError, "not the same count for each"),
        (OtherWidth, EngineError, "does it serve another model now"),
        (NotBase64, EngineError, "unexpected form"),
        (NoEntry, EngineError, "0 results for one text"),
        (Ragged, EngineError, "unexpected form"),
        (Hidden, EngineUnavailable, "busy"),
    ],
)
def test_an_odd_answer_is_no_reading(small_model, kind, error, says):
    reader = reader_of(kind())
    with pytest.raises(error, match=says) as raised:
        reader.read("Yes.")
    assert type(raised.value) is error


class Overflows(StatesEndpoint):
    def rows(self, ids):
        return super().rows(ids) * np.nan


class Nulls(StatesEndpoint):
    def packed(self, rows):
        return [[None] * WIDTH for _ in rows]


@pytest.mark.parametrize("kind", [Overflows, Nulls])
def test_what_is_no_number_is_left_to_the_judge_which_refuses_it(small_model, kind):
    (reading,) = reader_of(kind()).read("Yes.")
    assert np.isnan(reading.states).all()


def test_tenants_have_salts_of_their_own_where_vllm_serves(small_model):
    async def isolated_read(reader):
        texts = await reader.encode("Is it day?", ["Yes."])
        with isolated("tenant"):
            await reader.read(texts)

    for endpoint, salt in ((StatesEndpoint(), "tenant"), (NoPooling(), None)):
        reader = reader_of(endpoint)
        reader.thread.run(isolated_read(reader.reader))
        assert endpoint.sent[-1][1].get("cache_salt") == salt


def test_the_key_is_sent_and_never_logged(small_model, caplog):
    endpoint = OtherTask()
    with caplog.at_level(logging.DEBUG):
        reader_of(endpoint).read("Yes.")
    assert endpoint.keys == {"Bearer k3y"}
    assert "k3y" not in caplog.text


def test_a_model_that_is_not_served_is_refused(small_model):
    with pytest.raises(EngineRejected, match="the endpoint serves m, not 'other'"):
        reader_of(StatesEndpoint(), model="other")
