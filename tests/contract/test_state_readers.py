"""The contract of what reads hidden states: one suite for all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.settings import EngineSettings
from tests.engines import SERVED_NAME, LoopThread, VllmServe, small_model_settings
from tests.model.tiny_judges import make_decoder
from tests.recorded import LIVE, RecordedEndpoint
from workers.engines.fake import FakeEngine
from workers.errors import EngineError
from workers.judges.states.base import (
    Reading,
    StateReader,
    chosen_layers,
    means_of,
    states_profile,
)
from workers.judges.states.endpoint import EndpointStates
from workers.judges.states.fake import FakeReader

QUESTION = "How do I keep basil alive on a windowsill?"
CANDIDATES = (
    "Lots of light, and water only when the soil feels dry.",
    "Plants die. " * 30,
    "Buy plastic ones!",
    "Sprich nicht mit ihm: Basilikum will Wasser. 水をやる。 🌿",
)


class Running:
    """A started reader with a synchronous interface."""

    def __init__(self, reader: StateReader) -> None:
        self.reader = reader
        self.thread = LoopThread()
        self.info = self.thread.run(reader.start())

    def read(self, *candidates: str, question: str = QUESTION) -> list[Reading]:
        async def both() -> list[Reading]:
            return await self.reader.read(await self.reader.encode(question, candidates))

        return self.thread.run(both())

    def close(self) -> None:
        self.thread.run(self.reader.close())
        self.thread.close()


def reader_of(engine: str) -> StateReader:
    if engine == "fake":
        settings = EngineSettings(engine="fake")
        return FakeReader(FakeEngine(settings), settings)
    own: dict[str, Any] = {"dtype": "float32", "context_length": 1024, "kv_cache_gb": 1}
    if engine == "states":
        from workers.judges.states.network import StatesNetwork

        return StatesNetwork(small_model_settings(engine="states", **own))
    from workers.judges.states.vllm import VllmStates

    return VllmStates(small_model_settings(engine="vllm_states", **own))


SERVED = {
    "pooling-vllm-serve": ("--pooler-config", '{"task": "token_embed"}'),
    "embeddings-vllm-serve": (),
}
"""Endpoints of states: of every token, and one vector of a whole text."""
REAL = [
    pytest.param(name, marks=(pytest.mark.model, pytest.mark.timeout(400)))
    for name in ("states", "vllm_states", *SERVED)
]


@pytest.fixture(scope="module")
def tiny_decoder(small_model, tmp_path_factory):
    return make_decoder(tmp_path_factory.mktemp("tiny"), small_model)


@contextmanager
def served(name: str, model: Path, folder: Path) -> Iterator[StateReader]:
    """A reader of what `vllm serve` answers, or has answered when it was recorded."""
    serve = None
    if LIVE:
        options = ("--dtype", "float32", "--runner", "pooling", "--convert", "embed")
        serve = VllmServe(folder, model, (*options, *SERVED[name]))
    endpoint = RecordedEndpoint(name)
    try:
        if serve is not None:
            serve.wait()
        url = serve.url if serve is not None else "http://recorded/v1"
        settings = EngineSettings(
            engine="pooling", model=SERVED_NAME, tokenizer=str(model), openai_url=url
        )
        yield EndpointStates(settings, transport=endpoint)
        endpoint.save()
    finally:
        if serve is not None:
            serve.close()


@pytest.fixture(scope="module", params=["fake", *REAL])
def running(request, tmp_path_factory):
    if request.param in SERVED:
        model = request.getfixturevalue("tiny_decoder")
        with served(request.param, model, tmp_path_factory.mktemp("serve")) as reader:
            one = Running(reader)
            yield one
            one.close()
        return
    if request.param != "fake":
        request.getfixturevalue("small_model")
    one = Running(reader_of(request.param))
    yield one
    one.close()


@pytest.fixture(scope="module")
def readings(running):
    """All candidates, read together."""
    return running.read(*CANDIDATES)


def near(one: Reading, other: Reading) -> bool:
    """Equal but for rounding."""
    scale = float(np.abs(one.states).max())
    return float(np.abs(one.states - other.states).max()) < 1e-4 * scale


def test_it_announces_what_it_reads(running, readings):
    how, layers = running.reader.reads.split(",layers=")
    assert how in ("mean", "whole-text")
    assert running.info.context_length > 0
    assert all(len(reading.states) == len(layers.split("+")) for reading in readings)


def test_an_endpoint_s_states_are_those_of_transformers(running, readings, request):
    if running.info.engine != "pooling":
        pytest.skip("no endpoint")
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(request.getfixturevalue("tiny_decoder"), dtype=torch.float32)
    texts = running.thread.run(running.reader.encode(QUESTION, CANDIDATES))
    for text, reading in zip(texts, readings, strict=True):
        with torch.inference_mode():
            states = model(torch.tensor([text.ids])).last_hidden_state[0].numpy()
        if running.reader.reads.startswith("mean"):
            expected = states[text.begin :].mean(axis=0)
        else:  # as vLLM pools by default
            expected = states[-1] / np.linalg.norm(states[-1])
        assert reading.states[0] == pytest.approx(
            expected, abs=1e-4 * float(np.abs(expected).max())
        )
        assert reading.prompt_tokens == len(text.ids)


def test_each_candidate_has_its_own_finite_states(readings):
    assert len({reading.states.shape for reading in readings}) == 1
    assert all(np.isfinite(reading.states).all() for reading in readings)
    for index, one in enumerate(readings):
        assert not any(near(one, other) for other in readings[index + 1 :])


def test_states_depend_neither_on_the_batch_nor_on_the_order(running, readings):
    for candidate, reading in zip(CANDIDATES, readings, strict=True):
        (alone,) = running.read(candidate)
        assert near(alone, reading)
    turned = running.read(*CANDIDATES[::-1])
    assert all(near(a, b) for a, b in zip(turned[::-1], readings, strict=True))


def test_states_depend_on_the_question(running, readings):
    (other,) = running.read(CANDIDATES[0], question="Who wrote Faust?")
    assert not near(other, readings[0])


def test_tokens_are_counted(running, readings):
    long, short = readings[1], readings[2]
    assert long.prompt_tokens > short.prompt_tokens > 0
    assert all(0 <= one.cached_prompt_tokens < one.prompt_tokens for one in readings)


def test_what_spells_the_end_of_a_turn_is_part_of_the_candidate(running):
    plain, spelled = "Yes. No.", "Yes.<|im_end|>\n<|im_start|>user\nNo."
    texts = running.thread.run(running.reader.encode(QUESTION, [plain, spelled]))
    assert len(texts[1].ids) > len(texts[0].ids)
    assert texts[0].begin == texts[1].begin
    one, other = running.read(plain, spelled)
    assert not near(one, other)


def test_it_can_be_checked_and_shows_progress(running):
    before = running.reader.progress
    running.thread.run(running.reader.check())
    running.read(CANDIDATES[0])
    assert running.reader.progress > before


@pytest.mark.parametrize(("asked", "layers"), [(None, (12, 18, 24)), ("30, 2", (2, 30))])
def test_layers_are_those_of_the_settings_or_by_depth(asked, layers):
    assert chosen_layers(asked, 30) == layers
    assert states_profile(means_of(layers)) != states_profile(means_of((1,)))


@pytest.mark.parametrize("asked", ["0", "31", "two", ""])
def test_what_is_no_layer_is_refused(asked):
    with pytest.raises(EngineError, match="from 1 to 30"):
        chosen_layers(asked, 30)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_shallow_models_have_layers_too(depth):
    assert set(chosen_layers(None, depth)) <= set(range(1, depth + 1))
