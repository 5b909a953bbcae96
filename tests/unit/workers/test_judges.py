"""Arithmetic of judges, and how a judge is selected."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import Settings
from workers.engines.fake import FakeEngine
from workers.judges.batches import batches, batches_of_beginnings
from workers.judges.kaleido import Kaleido, valence_score
from workers.judges.language.judge import LanguageModel
from workers.judges.reward import RewardModel, preferences
from workers.judges.select import create_judge
from workers.judges.states.beside import WritesAndReads
from workers.judges.states.judge import StatesJudge

REWARDS = st.lists(st.floats(-50, 50), min_size=1, max_size=8)


def test_two_rewards_give_the_bradley_terry_probability():
    first, second = preferences([1.5, -0.5])
    assert first == pytest.approx(1 / (1 + math.exp(-2.0)), rel=1e-12)
    assert first + second == pytest.approx(1, abs=1e-15)


def test_large_rewards_do_not_overflow():
    assert preferences([1e4, 1e4]) == [0.5, 0.5]
    assert preferences([-1e4, 0.0]) == [0.0, 1.0]
    assert preferences([3.0]) == [1.0]


@given(REWARDS, st.floats(-100, 100))
def test_preferences_add_up_to_1_keep_the_order_and_ignore_a_common_shift(rewards, shift):
    preferred = preferences(rewards)
    assert math.isclose(sum(preferred), 1, abs_tol=1e-12)
    shifted = preferences([reward + shift for reward in rewards])
    assert shifted == pytest.approx(preferred, abs=1e-9)
    for a, reward_a in zip(preferred, rewards, strict=True):
        for b, reward_b in zip(preferred, rewards, strict=True):
            assert a >= b or reward_a < reward_b


def test_support_counts_in_full_and_either_counts_half():
    assert valence_score((1.0, 0.0, 0.0)) == 1
    assert valence_score((0.0, 1.0, 0.0)) == 0.5
    assert valence_score((0.0, 0.0, 1.0)) == 0
    assert valence_score((0.2, 0.5, 0.3)) == pytest.approx(0.45)


@given(st.lists(st.integers(1, 700), max_size=60), st.integers(1, 9), st.integers(1, 2000))
def test_batches_hold_every_row_once_within_their_limits(lengths, rows, tokens):
    made = batches(lengths, rows=rows, tokens=tokens)
    assert sorted(position for batch in made for position in batch) == list(range(len(lengths)))
    for batch in made:
        assert len(batch) <= rows
        longest = max(lengths[position] for position in batch)
        assert len(batch) == 1 or len(batch) * longest <= tokens


@pytest.mark.parametrize(
    ("engine", "kind"),
    [
        ("reward", RewardModel),
        ("kaleido", Kaleido),
        ("states", StatesJudge),
        ("vllm_states", StatesJudge),
        ("pooling", StatesJudge),
        ("fake", WritesAndReads),
    ],
)
def test_the_engine_setting_selects_the_judge(engine, kind):
    settings = Settings.from_environment(
        {"AZIMUTH_ENGINE": engine, "AZIMUTH_OPENAI_URL": "http://x/v1"}
    )
    assert type(create_judge(settings, None, None)) is kind


def test_a_given_engine_overrides_the_setting():
    settings = Settings.from_environment({"AZIMUTH_ENGINE": "reward"})
    judge = create_judge(settings, None, None, FakeEngine(settings.engine))
    assert type(judge) is LanguageModel


def test_a_language_model_serves_no_method_of_the_other_judges():
    judge = create_judge(Settings.from_environment({"AZIMUTH_ENGINE": "fake"}), None, None)
    assert "comparative" in judge.profiles
    assert not {"reward_model", "kaleido"} & set(judge.profiles)


def test_texts_that_begin_alike_are_read_together():
    beginnings, lengths = ["a", "b", "a", "a", "b"], [5, 3, 4, 2, 99]
    assert batches_of_beginnings(beginnings, lengths, tokens=9) == [[0, 2], [3], [1], [4]]
    assert batches_of_beginnings(["", ""], [0, 0], tokens=9) == [[0, 1]]
    assert batches_of_beginnings([], [], tokens=9) == []
