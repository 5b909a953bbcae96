"""The benchmark of retrieval for groups, on a small drawn bank."""

import numpy as np
import pytest

from app.domain.bank import Bank
from scripts.benchmark.groups.retrieving import retrieve
from scripts.benchmark.groups.speed import large_bank, timed
from tests.unit.workers.test_group_examples import SETUP, many
from workers.retrieval.embedding import HashingEmbedder

BLOCKS = np.arange(60) // 15


@pytest.fixture(scope="module")
def results():
    bank = Bank("d", tuple(many(60)), SETUP)
    vectors = HashingEmbedder().encode([one.question for one in bank.scenarios])
    return retrieve(bank, vectors, BLOCKS)


def test_examples_come_from_other_blocks(results):
    for one in results["north"].retrieved:
        assert (BLOCKS[one.example] != BLOCKS).all()
        assert one.mismatch.shape == one.value.shape == (60,)


def test_one_example_for_all_is_the_same_for_a_block(results):
    same = results["north"].retrieved[-1]
    assert same.kind == "one for all"
    assert all(len(set(same.example[block == BLOCKS])) == 1 for block in range(4))


def test_every_kind_of_retrieval_is_timed():
    base = np.random.default_rng(0).standard_normal((40, 16)).astype(np.float32)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    times = timed(large_bank(base, 200), base[:3])
    assert set(times) == {"similar", "spica", "expected"}
    assert all(wall.shape == (3,) for wall, _ in times.values())
