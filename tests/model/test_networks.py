"""What reward models and Kaleido have in common: loading, batches, memory, failures."""

from __future__ import annotations

import asyncio
import time
import weakref

import pytest

from app.domain.cells import Cell, Unscored
from app.domain.scenario import CHOICE, Choice
from tests.model.tiny_judges import (
    CARE,
    job,
    make_chat_reward,
    make_kaleido,
    poison,
)
from workers.errors import EngineError
from workers.judges.kaleido import Kaleido
from workers.judges.reward import RewardModel

pytestmark = pytest.mark.model


def test_an_output_that_is_not_finite_becomes_no_score(start, chat_reward, tiny_kaleido, tmp_path):
    reward = start(RewardModel, poison(chat_reward, tmp_path / "r", "score.weight"))
    kaleido = start(
        Kaleido, poison(tiny_kaleido, tmp_path / "k", "decoder.final_layer_norm.weight")
    )
    for name, unscored in ((CHOICE, reward.choice()), ("care", kaleido.attribute())):
        assert isinstance(unscored, Unscored)
        assert (unscored.attribute, unscored.reason) == (name, "engine-error")
        assert "not a number" in unscored.detail


@pytest.mark.parametrize("kind", [RewardModel, Kaleido])
def test_weights_in_the_older_format_are_loaded_as_well(start, tmp_path, kind):
    """Kaleido's were published as `pytorch_model.bin`."""
    import torch
    from safetensors.torch import load_file

    folder = (make_chat_reward if kind is RewardModel else make_kaleido)(tmp_path / "m")
    asked = job(Choice() if kind is RewardModel else CARE)
    (expected,) = start(kind, folder).cells(asked).values()
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    (cell,) = start(kind, folder).cells(asked).values()
    assert cell.scores == expected.scores


def test_a_folder_without_a_model_is_refused(start, tmp_path):
    with pytest.raises(EngineError, match="cannot be loaded"):
        start(RewardModel, tmp_path)


def test_judges_decline_tasks_of_other_methods(start, chat_reward, tiny_kaleido):
    cells = start(RewardModel, chat_reward).cells(job(CARE, Choice()))
    assert cells["cell:care"].reason == "engine-error"
    assert isinstance(cells["cell:(choice)"], Cell)
    cells = start(Kaleido, tiny_kaleido).cells(job(CARE, Choice()))
    assert cells["cell:(choice)"].reason == "engine-error"
    assert isinstance(cells["cell:care"], Cell)


def test_the_check_passes_the_model(start, chat_reward, tiny_kaleido):
    for running in (start(RewardModel, chat_reward), start(Kaleido, tiny_kaleido)):
        running.runner.run(running.judge.check())


def test_a_model_that_fails_raises_an_engine_error(start, chat_reward):
    running = start(RewardModel, chat_reward)

    def fail(batch):
        raise RuntimeError("no such kernel")

    running.judge._forward = fail
    with pytest.raises(EngineError, match="no such kernel"):
        running.choice()


def test_a_batch_that_does_not_fit_in_memory_is_halved(start, chat_reward):
    import torch

    running = start(RewardModel, chat_reward)
    expected = running.choice()
    forward, sizes = running.judge._forward, []

    def tight(batch):
        sizes.append(len(batch["input_ids"]))
        if sizes[-1] > limit:
            raise torch.OutOfMemoryError("no memory")
        return forward(batch)

    running.judge._forward = tight
    limit = 1
    for one, other in zip(running.choice().scores, expected.scores, strict=True):
        assert one.reward == pytest.approx(other.reward, abs=1e-5)
    limit = 0
    unscored = running.choice()
    assert (unscored.reason, unscored.attribute) == ("engine-error", CHOICE)
    assert "not enough memory for a text of" in unscored.detail


def test_a_pass_that_ran_out_of_memory_holds_none_when_its_halves_run(start, chat_reward):
    """Its tensors stay alive as long as its error does."""
    import torch

    running = start(RewardModel, chat_reward)
    forward, held = running.judge._forward, []

    class Activations:
        pass

    def tight(batch):
        activations = Activations()
        assert all(other() is None for other in held), "a failed pass still holds its memory"
        if len(batch["input_ids"]) > 1:
            held.append(weakref.ref(activations))
            raise torch.OutOfMemoryError("no memory")
        return forward(batch)

    running.judge._forward = tight
    assert running.choice().scores
    assert held


def test_the_event_loop_is_not_blocked_while_the_model_works(start, chat_reward):
    running = start(RewardModel, chat_reward)
    forward = running.judge._forward

    def slow(batch):
        time.sleep(0.5)
        return forward(batch)

    running.judge._forward = slow

    async def beats() -> int:
        counted = 0
        scoring = asyncio.create_task(anext(aiter(running.judge.score(job(Choice())))))
        while not scoring.done():
            await asyncio.sleep(0.01)
            counted += 1
        return counted

    assert running.runner.run(beats()) > 10
