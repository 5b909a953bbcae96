"""Hidden states of the real small model, and a service that chooses by them."""

from __future__ import annotations

import json
import random

import httpx
import numpy as np
import pytest

from app.settings import EngineSettings
from tests.contract.test_state_readers import CANDIDATES, QUESTION, Running, near
from tests.engines import small_model_settings
from tests.model.tiny_judges import make_chat_reward
from tests.support import wait_until
from workers.errors import EngineError
from workers.judges.states.network import StatesNetwork

pytestmark = pytest.mark.model
LAYERS = (3, 7)
"""Few, so that little is loaded and read."""


@pytest.fixture(scope="module")
def network(small_model):
    settings = small_model_settings(
        engine="states", dtype="float32", state_layers=",".join(map(str, LAYERS))
    )
    running = Running(StatesNetwork(settings))
    yield running
    running.close()


@pytest.fixture(scope="module")
def reference(small_model):
    """Means over the candidate's tokens as transformers gives them: (candidates, layers, width)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(small_model)
    model = AutoModelForCausalLM.from_pretrained(small_model, dtype=torch.float32).eval()

    def ids(turns, **settings):
        return tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False, **settings)

    means = []
    for candidate in CANDIDATES:
        question = {"role": "user", "content": QUESTION}
        whole = ids([question, {"role": "assistant", "content": candidate}])
        begin = len(ids([question], add_generation_prompt=True))
        with torch.inference_mode():
            states = model(torch.tensor([whole]), output_hidden_states=True).hidden_states
        means.append([states[layer][0, begin:].mean(dim=0).numpy() for layer in LAYERS])
    return np.array(means)


def test_states_are_those_of_the_whole_model_averaged_over_the_candidate(network, reference):
    readings = network.read(*CANDIDATES)
    assert network.reader.layers == LAYERS
    for reading, expected in zip(readings, reference, strict=True):
        assert reading.states == pytest.approx(expected, abs=1e-4 * float(np.abs(expected).max()))


def test_layers_beyond_the_deepest_are_not_loaded(network):
    assert len(network.reader._model.layers) == LAYERS[-1]


def test_an_empty_candidate_has_states_of_its_frame(network):
    (reading,) = network.read("")
    assert np.isfinite(reading.states).all()


def test_states_are_the_same_whatever_a_candidate_is_read_with(network):
    for candidate, reading in zip(CANDIDATES, network.read(*CANDIDATES), strict=True):
        (alone,) = network.read(candidate)
        assert np.array_equal(alone.states, reading.states)


def test_a_question_is_read_once_for_all_candidates(network):
    first, *others = network.read(*CANDIDATES)
    assert first.cached_prompt_tokens == 0
    assert all(0 < one.cached_prompt_tokens < one.prompt_tokens for one in others)


def test_a_model_that_cannot_read_on_reads_each_candidate_with_its_question(
    network, reference, monkeypatch
):
    reader, ways = network.reader, []
    forward = type(reader._model).forward

    def takes_no_keys(model, *arguments, **named):
        ways.append("past_key_values" in named)
        if named.get("past_key_values") is not None:
            raise RuntimeError("only one token can follow")
        return forward(model, *arguments, **named)

    assert reader._continues
    monkeypatch.setattr(type(reader._model), "forward", takes_no_keys)
    monkeypatch.setattr(reader, "_continues", reader._can_continue())
    assert ways[-1]
    readings = network.read(*CANDIDATES)
    assert not ways[-1]
    for reading, expected in zip(readings, reference, strict=True):
        assert reading.states == pytest.approx(expected, abs=1e-4 * float(np.abs(expected).max()))


def test_padded_batches_give_the_same_states(network, reference, monkeypatch):
    monkeypatch.setattr(network.reader, "_padded", True)
    for reading, expected in zip(network.read(*CANDIDATES), reference, strict=True):
        assert reading.states == pytest.approx(expected, abs=1e-4 * float(np.abs(expected).max()))


def test_an_out_of_memory_batch_is_read_in_halves(network, monkeypatch):
    import torch

    monkeypatch.setattr(network.reader, "_padded", True)
    whole = network.read(*CANDIDATES)
    forward = network.reader._forward

    def short_of_memory(batch):
        if len(batch["input_ids"]) > 1:
            raise torch.OutOfMemoryError("made up")
        return forward(batch)

    monkeypatch.setattr(network.reader, "_forward", short_of_memory)
    assert all(near(a, b) for a, b in zip(network.read(*CANDIDATES), whole, strict=True))


def test_a_model_without_a_chat_template_is_refused(tmp_path):
    folder = make_chat_reward(tmp_path / "m")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(EngineError, match="has no chat template"):
        Running(StatesNetwork(EngineSettings(engine="states", model=str(folder))))


GOOD = ["warm", "fresh", "tender", "tasty", "crisp", "mild", "sweet", "soft"]
BAD = ["burnt", "rotten", "mouldy", "toxic", "stale", "sour", "vile", "dirty"]


def reply(words: list[str], draw: random.Random) -> str:
    return "In the end it should be {} and {}, I think.".format(*draw.sample(words, 2))


def bank() -> bytes:
    """Replies whose meaning shows how helpful they are, and nothing else of them does."""
    draw = random.Random(0)
    lines = [
        {
            "id": str(number),
            "question": f"How do I prepare dish number {number}?",
            "responses": [reply(GOOD, draw), reply(BAD, draw)],
            "labels": [{"helpfulness": 1}, {"helpfulness": 0}],
        }
        for number in range(24)
    ]
    return "\n".join(map(json.dumps, lines)).encode()


@pytest.mark.timeout(400)
def test_a_service_reads_states_by_default_once_a_calibration_is_fitted(service, small_model):
    service.start_api(AZIMUTH_DEFAULT_METHOD="probe", AZIMUTH_WAIT_S="300")
    settings = {"AZIMUTH_ENGINE": "states", "AZIMUTH_MODEL": str(small_model)}
    service.start_worker(ready=False, **settings, AZIMUTH_STATE_LAYERS="4,8")
    service.client().close()  # which waits for the API
    wait_until(
        lambda: httpx.get(service.url + "/readyz").json()["status"] == "ready",
        timeout_s=120, what="the worker",
    )  # fmt: skip
    body = {
        "question": "How do I prepare peas?",
        "responses": ["Warm them gently and taste them.", "I do not know, ask somebody else."],
        "target": {"helpfulness": 1},
    }
    assert service.post("/v1/select", body).status_code == 422
    with service.client(300) as client:
        client.put("/v1/banks/mine", content=bank()).raise_for_status()
        fit = {"bank": "mine", "attributes": ["helpfulness"]}
        client.put("/v1/calibrations/mine", json=fit).raise_for_status()

        def fitted():
            seen = client.get("/v1/calibrations/mine").json()
            assert seen["state"] not in ("failed", "interrupted"), seen
            return seen.get("fitted")

        (report,) = wait_until(fitted, timeout_s=300, what="the fit")["reports"]
    assert report["error_raw"] < 0.8 * report["error_constant"]  # of the states alone
    answer = service.post("/v1/select", body).json()
    assert answer["selection"]["selected"]["probability"] > 0
    assert answer["score_set"]["scorer"]["method"] == "probe"
    assert answer["score_set"]["scorer"]["prompt_profile"] == "probe/1:mean,layers=4+8"
    assert answer["usage"]["output_tokens"] == 0
    assert "peas" not in service.log("worker")
