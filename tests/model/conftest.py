"""Tiny judges, made once a run, and how to start them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.settings import EngineSettings
from tests.model.tiny_judges import (
    Started,
    byte_tokenizer,
    make_chat_reward,
    make_kaleido,
    seeded,
)
from workers.judges.reward import RewardModel


@pytest.fixture(scope="session")
def chat_reward(tmp_path_factory) -> Path:
    """A decoder with a chat template, like most reward models."""
    return make_chat_reward(tmp_path_factory.mktemp("chat") / "tiny-reward")


@pytest.fixture(scope="session")
def pair_reward(tmp_path_factory) -> Path:
    """An encoder of pairs, like the first reward models."""
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("pair") / "tiny-pair-reward"
    types = ["input_ids", "token_type_ids", "attention_mask"]
    special = ["[PAD]", "[CLS]", "[SEP]"]
    tokenizer = byte_tokenizer(
        folder, special, pair=True, model_input_names=types, model_max_length=128
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=130,
        num_labels=1,
        pad_token_id=0,
    )
    return seeded(BertForSequenceClassification(config), folder)


@pytest.fixture(scope="session")
def tiny_kaleido(tmp_path_factory) -> Path:
    """A T5 with the words of the valences."""
    return make_kaleido(tmp_path_factory.mktemp("t5") / "tiny-kaleido")


@pytest.fixture
def start():
    runners = []

    def started(kind, folder: Path, **settings) -> Started:
        name = "reward" if kind is RewardModel else "kaleido"
        judge = kind(EngineSettings(engine=name, model=str(folder), **settings))
        runner = asyncio.Runner()
        runners.append((runner, judge))
        return Started(judge, runner.run(judge.start()), runner)

    yield started
    for runner, judge in runners:
        runner.run(judge.close())
        runner.close()
