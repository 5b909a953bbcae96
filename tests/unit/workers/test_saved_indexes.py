"""Saved indexes: mapped and not made again, checked, resumed, and searched with few misses."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import faiss
import numpy as np
import pytest

from app.domain.bank import Bank, LabelledScenario
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from app.domain.search import EXACT_UP_TO
from tests.unit.workers.test_library import Store
from workers.retrieval import making
from workers.retrieval.embedding import HashingEmbedder
from workers.retrieval.index import ExampleIndex, Lists, QueryNeighbours
from workers.retrieval.indexed import IndexedBank
from workers.retrieval.library import BankLibrary
from workers.retrieval.making import IndexMaker
from workers.retrieval.saved import IndexFolder, IndexKey

LARGE = 24_000
WARMTH = Attribute("warmth", "How warm.", levels=(0, 0.5, 1))


class Counting(HashingEmbedder):
    """Counts the texts that it embeds; a number may be set after which it fails."""

    def __init__(self, most: int | None = None) -> None:
        self.texts = 0
        self.most = most

    def encode(self, texts):
        if self.most is not None and self.texts >= self.most:
            raise RuntimeError("the worker is killed")
        self.texts += len(texts)
        return super().encode(texts)


def bank_of(count: int, digest: str = "d", first: int = 0) -> Bank:
    return Bank(
        digest,
        tuple(
            LabelledScenario(f"s{i}", f"question {i}", ("a",), ({},))
            for i in range(first, first + count)
        ),
    )


def made(folder, bank, embedder=None):
    """The index of a bank as a worker that starts now gets it."""
    embedder = embedder or Counting()
    maker = IndexMaker(embedder, IndexFolder(folder))
    key = IndexKey(bank.digest, embedder.name, len(bank.scenarios))
    return maker.saved(key) or maker.make(key, bank, None)


def in_groups(count: int, seed: int, groups: int = 500) -> np.ndarray:
    """Unit vectors around centres, as texts about the same are."""
    centres = np.random.default_rng(0).normal(size=(groups, 64))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(groups, size=count)] + 0.7 * rng.normal(size=(count, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


@pytest.fixture(scope="module")
def large() -> ExampleIndex:
    return ExampleIndex.build(in_groups(LARGE, 1))


def test_a_worker_that_starts_maps_the_saved_index_and_embeds_nothing(tmp_path):
    first, second = Counting(), Counting()
    built = made(tmp_path, bank_of(3000), first)
    mapped = made(tmp_path, bank_of(3000), second)
    assert (first.texts, second.texts) == (3000, 0)
    assert isinstance(mapped.vectors, np.memmap)
    assert np.array_equal(built.vectors, mapped.vectors)
    query = HashingEmbedder().encode(["question 77"])[0]
    assert mapped.search(query, 9) == built.search(query, 9)


def test_lists_of_a_large_bank_are_mapped_and_find_what_they_found(tmp_path, monkeypatch, large):
    vectors = large.vectors
    embedder = SimpleNamespace(name="groups:1", dimensions=64, encode=lambda texts: vectors)
    monkeypatch.setattr(making, "_STEP", LARGE)
    monkeypatch.setattr(Lists, "build", lambda _: large._lists)
    bank = bank_of(LARGE)
    made(tmp_path, bank, embedder)

    def never(*_):
        raise AssertionError("built again")

    monkeypatch.setattr(Lists, "build", never)
    mapped = made(tmp_path, bank, SimpleNamespace(name="groups:1", dimensions=64, encode=never))
    for query in in_groups(20, 2):
        assert mapped.search(query, 10) == large.search(query, 10)
    file = next(tmp_path.rglob("lists.faiss"))
    assert str(file) in Path("/proc/self/maps").read_text()


def test_a_bank_of_up_to_the_limit_is_searched_exactly():
    vectors = in_groups(EXACT_UP_TO, 3)
    index = ExampleIndex.build(vectors)
    for query in in_groups(20, 4):
        exact = np.argsort(-(vectors @ query))[:10]
        assert [n.row for n in index.search(query, 10)] == exact.tolist()


def test_a_larger_bank_is_searched_with_few_misses(large):
    queries = in_groups(200, 5)
    _, exact = faiss.knn(queries, large.vectors, 10, metric=faiss.METRIC_INNER_PRODUCT)
    found = [[n.row for n in large.search(query, 10)] for query in queries]
    hits = [len(set(a) & set(b)) for a, b in zip(found, exact.tolist(), strict=True)]
    assert sum(hits) / 2000 >= 0.98


def test_the_same_bank_gives_the_same_lists_with_any_number_of_threads(large):
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        again = ExampleIndex.build(in_groups(LARGE, 1))
    finally:
        faiss.omp_set_num_threads(threads)
    for query in in_groups(50, 6):
        assert again.search(query, 10) == large.search(query, 10)


def test_a_wide_search_finds_everything(large):
    query = in_groups(1, 7)[0]
    assert len(large.search(query, 1500)) == 1500
    assert sorted(n.row for n in large.search(query, LARGE)) == list(range(LARGE))


def test_the_nearest_of_many_rows_are_found_among_those(large):
    query, rows = in_groups(1, 8)[0], np.arange(0, LARGE, 2)
    nearest = QueryNeighbours(large, query).among(rows, 5)
    exact = rows[np.argsort(-(large.vectors[rows] @ query))[:5]]
    assert [n.row for n in nearest] == exact.tolist()


def test_the_same_question_is_excluded_and_rare_levels_are_covered_in_a_large_bank(large):
    """The 20 nearest have the question of the request, and one level is far away only."""
    query = in_groups(1, 9)[0]
    order = np.argsort(-(large.vectors @ query))
    same, far = set(order[:20].tolist()), int(order[-1])
    scenarios = [
        LabelledScenario(f"s{i}", "same" if i in same else f"q{i}", ("a", "b"), ({"warmth": 1}, {}))
        for i in range(LARGE)
    ]
    scenarios[far] = LabelledScenario("far", "far", ("a", "b"), ({"warmth": 0}, {}))
    bank = IndexedBank(Bank("d", tuple(scenarios)), large)
    chosen = bank.examples(query, Scenario("same", ("a", "c")), WARMTH, ScorerSettings(examples=5))
    assert [n.row for n in chosen.neighbours] == [*order[20:24], far]
    assert chosen.uncovered == (0.5,)


@pytest.mark.parametrize("name", ["vectors.f32", "questions.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_damaged_index_is_noticed_and_made_again(tmp_path, caplog, name, damage):
    bank = bank_of(300)
    right = np.array(made(tmp_path, bank).vectors)
    file = next(tmp_path.rglob(name))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(content if damage == "changed" else content[:-8])
    with caplog.at_level(logging.WARNING):
        again = made(tmp_path, bank)
    assert np.array_equal(again.vectors, right)
    assert "made again" in caplog.text
    assert str(file.parent) in caplog.text
    caplog.clear()
    made(tmp_path, bank)
    assert caplog.text == ""


def test_an_index_of_another_bank_is_noticed(tmp_path, caplog):
    made(tmp_path, bank_of(10, "other", first=100))
    (folder,) = tmp_path.glob("*/other")
    folder.rename(folder.with_name("d"))
    embedder = Counting()
    made(tmp_path, bank_of(10), embedder)
    assert embedder.texts == 10
    assert "of something else" in caplog.text


def test_only_new_questions_are_embedded(tmp_path):
    made(tmp_path, bank_of(2000, "old"))
    embedder = Counting()
    index = made(tmp_path, bank_of(2000, "new", first=5), embedder)
    assert embedder.texts == 5
    questions = [scenario.question for scenario in bank_of(2000, "new", first=5).scenarios]
    assert np.array_equal(index.vectors, HashingEmbedder().encode(questions))


def test_a_question_that_occurs_twice_is_embedded_once(tmp_path):
    scenarios = bank_of(1500).scenarios
    embedder = Counting()
    index = made(tmp_path, Bank("d", scenarios * 2), embedder)
    assert embedder.texts == 1500
    assert np.array_equal(index.vectors[:1500], index.vectors[1500:])


def test_embedding_goes_on_where_a_worker_was_killed(tmp_path):
    with pytest.raises(RuntimeError, match="killed"):
        made(tmp_path, bank_of(4000), Counting(most=2048))
    embedder = Counting()
    index = made(tmp_path, bank_of(4000), embedder)
    assert embedder.texts == 4000 - 2048
    questions = [scenario.question for scenario in bank_of(4000).scenarios]
    assert np.array_equal(index.vectors, HashingEmbedder().encode(questions))


def test_workers_that_start_at_once_embed_a_bank_once(tmp_path):
    embedders = [Counting() for _ in range(4)]
    threads = [
        threading.Thread(target=made, args=(tmp_path, bank_of(3000), one)) for one in embedders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.texts for one in embedders) == 3000


def test_a_worker_without_a_writable_folder_indexes_in_memory(tmp_path, caplog):
    (tmp_path / "file").touch()
    index = made(tmp_path / "file" / "indexes", bank_of(300))
    assert len(index) == 300
    assert "AZIMUTH_INDEX_DIR" in caplog.text


def test_an_index_that_nobody_used_for_a_week_is_deleted_unless_its_bank_is_current(tmp_path):
    for digest in ("current", "old", "recent"):
        made(tmp_path, bank_of(3, digest))
    week = time.time() - 8 * 86_400
    for digest in ("current", "old"):
        os.utime(next(tmp_path.glob(f"*/{digest}")), (week, week))
    assert IndexFolder(tmp_path).prune({"current"}) == ["old"]
    left = {one.name for one in tmp_path.glob("*/*") if one.is_dir()}
    assert left == {"current", "recent"}


async def test_a_library_needs_neither_embedder_nor_redis_for_a_saved_index(tmp_path):
    first, store = Counting(), Store()
    await BankLibrary(store, first, IndexFolder(tmp_path)).get("d")
    store.saved, second = None, Counting()
    await BankLibrary(store, second, IndexFolder(tmp_path)).get("d")
    assert (first.texts, second.texts) == (4, 0)
    assert store.saved is None
