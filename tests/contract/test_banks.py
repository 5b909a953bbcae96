"""Banks and their embeddings on a real Redis, and the indexes that workers build of them."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from app.domain.bank import Bank, parse_bank
from app.errors import StoreUnavailable
from app.store import banks as banks_module
from app.store.banks import BankStore
from workers.heartbeat import report_indexes
from workers.retrieval.embedding import HashingEmbedder
from workers.retrieval.library import BankLibrary
from workers.retrieval.saved import IndexFolder

SMALLEST_LIMIT = 1_048_576
"""Lowest size limit of a string that Redis can be set to, in bytes."""
SHIPPED_LIMIT = 536_870_912


class CountingEmbedder(HashingEmbedder):
    """Counts the texts that it embeds."""

    def __init__(self) -> None:
        self.texts = 0

    def encode(self, texts):
        self.texts += len(texts)
        return super().encode(texts)


def bank_of(scenarios: int) -> Bank:
    lines = [
        json.dumps({"id": f"s{i}", "question": f"question {i}", "responses": ["a"], "labels": [{}]})
        for i in range(scenarios)
    ]
    return parse_bank("\n".join(lines).encode())


def row_bytes() -> int:
    return HashingEmbedder().encode(["x"]).nbytes


@pytest.fixture
async def frugal_redis(redis):
    """A Redis with the lowest size limit of strings."""
    await redis.config_set("proto-max-bulk-len", SMALLEST_LIMIT)
    yield redis
    await redis.config_set("proto-max-bulk-len", SHIPPED_LIMIT)


@pytest.fixture
async def full_redis(redis):
    """A Redis that a test may fill up."""
    yield redis
    await redis.config_set("maxmemory", 0)


async def test_embeddings_may_exceed_the_size_limit_of_a_redis_string(frugal_redis):
    store, bank = BankStore(frugal_redis), bank_of(2)
    await store.put("b", bank)
    embeddings = np.random.default_rng(7).random((2000, 384), dtype=np.float32)
    assert embeddings.nbytes > 2 * SMALLEST_LIMIT
    await store.put_vectors(bank.digest, "embedder", embeddings.data.cast("B"))
    assert await store.vectors(bank.digest, "embedder") == embeddings.tobytes()
    assert await store.vectors(bank.digest, "another") is None


async def test_a_bank_of_any_size_is_embedded_once_for_all_workers(frugal_redis, tmp_path):
    store = BankStore(frugal_redis)
    bank = bank_of(2 * SMALLEST_LIMIT // row_bytes())
    await store.put("large", bank)
    first, second = CountingEmbedder(), CountingEmbedder()
    made = await BankLibrary(store, first, IndexFolder(tmp_path / "a")).get(bank.digest)
    elsewhere = IndexFolder(tmp_path / "another host")
    taken = await BankLibrary(store, second, elsewhere).get(bank.digest)
    assert first.texts == len(bank.scenarios)
    assert second.texts == 0
    assert made.bank == taken.bank == bank


def rated_bank() -> Bank:
    rated = [
        {
            "id": f"s{number}",
            "question": f"question {number}",
            "responses": ["a", "b"],
            "response_classes": ["no", "yes"],
            "ratings": [
                {"rater": rater, "group": "north", "response": place, "rating": rating}
                for rater, ratings in (("r1", (1, number)), ("r2", (2, 5)))
                for place, rating in enumerate(ratings)
            ],
        }
        for number in range(1, 6)
    ]
    setup = {"rating_scale": {"low": 1, "high": 5}}
    return parse_bank("\n".join(map(json.dumps, [setup, *rated])).encode())


async def test_weights_of_groups_are_fitted_once_and_live_as_long_as_the_bank(redis, tmp_path):
    store, bank = BankStore(redis), rated_bank()
    await store.put("rated", bank)
    embedder = HashingEmbedder()
    library = BankLibrary(store, embedder, IndexFolder(tmp_path / "a"))
    await library.fit_groups(bank.digest)
    fitted = await store.fitted_groups(bank.digest, embedder.name)
    assert fitted["north"].weights.pairs == 20
    assert await store.fitted_with(bank.digest) == {embedder.name: fitted}
    other = BankLibrary(store, embedder, IndexFolder(tmp_path / "another host"))
    assert (await other.get_group(bank.digest, "north")).fitted == fitted["north"]
    key = f"azimuth:bank-groups:{bank.digest}"
    assert await redis.ttl(key) == -1
    await store.delete("rated")
    assert 0 < await redis.ttl(key) <= 86_400


async def test_nothing_is_stored_for_the_groups_of_a_deleted_bank(redis):
    store = BankStore(redis)
    await store.put_fitted_groups("gone", "embedder", {})
    assert not await redis.exists("azimuth:bank-groups:gone")


async def test_a_bank_may_exceed_the_size_limit_of_a_redis_string(frugal_redis, monkeypatch):
    monkeypatch.setattr(banks_module, "_WHOLE_BYTES", 1000)
    monkeypatch.setattr(banks_module, "_PIECE_BYTES", 1000)
    store, bank = BankStore(frugal_redis), bank_of(1000)
    await store.put("b", bank)
    assert await store.load(bank.digest) == bank
    (key,) = await frugal_redis.keys("*bank-data*pieces")
    assert await frugal_redis.hlen(key) > 5
    assert await frugal_redis.ttl(key) == -1
    await store.delete("b")
    assert 0 < await frugal_redis.ttl(key) <= 86_400
    await store.put("b", bank)
    assert await frugal_redis.ttl(key) == -1


async def test_incomplete_embeddings_are_not_used(redis):
    """A worker may have died while it stored them."""
    store, bank = BankStore(redis), bank_of(2)
    await store.put("b", bank)
    await store.put_vectors(bank.digest, "embedder", bytes(3_000_000))
    (key,) = await redis.keys("*vectors*")
    await redis.hdel(key, "1")
    assert await store.vectors(bank.digest, "embedder") is None


async def test_a_bank_is_indexed_even_when_redis_is_full(full_redis, caplog, tmp_path):
    store = BankStore(full_redis)
    bank = bank_of(5)
    await store.put("b", bank)
    await full_redis.config_set("maxmemory", 1)
    library = BankLibrary(store, HashingEmbedder(), IndexFolder(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert (await library.get(bank.digest)).bank == bank
    assert library.ready == [bank.digest]
    assert "refusing writes" in caplog.text


async def test_a_failed_upload_of_embeddings_leaves_nothing_behind(redis, monkeypatch):
    store, bank = BankStore(redis), bank_of(2)
    await store.put("b", bank)
    written = 0
    hset = redis.hset

    async def until_full(*given, **more):
        nonlocal written
        written += 1
        if written > 2:
            await redis.config_set("maxmemory", 1)
        return await hset(*given, **more)

    monkeypatch.setattr(redis, "hset", until_full)
    try:
        with pytest.raises(StoreUnavailable):
            await store.put_vectors(bank.digest, "embedder", bytes(5_000_000))
    finally:
        await redis.config_set("maxmemory", 0)
    assert await redis.keys("*vectors*") == []


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
async def test_embeddings_expire_with_the_version_of_their_bank(redis, late):
    """Both those stored before it was replaced, and those that a worker stores afterwards."""
    store = BankStore(redis)
    before, after = bank_of(2), bank_of(3)
    await store.put("b", before)
    if late:
        await store.put("b", after)
    await store.put_vectors(before.digest, "embedder", bytes(16))
    if not late:
        await store.put("b", after)
    (key,) = await redis.keys("*vectors*")
    assert 0 < await redis.ttl(key) <= 86_400
    assert await store.load(before.digest) == before
    await store.put("again", before)  # stored again: its embeddings are valid
    assert await redis.ttl(key) == -1


async def test_embeddings_of_a_deleted_bank_are_not_stored(redis):
    store = BankStore(redis)
    await store.put_vectors("gone", "embedder", bytes(3_000_000))
    assert await redis.keys("azimuth:*") == []


async def test_embeddings_of_a_built_in_bank_never_expire(redis):
    store = BankStore(redis)
    digest = banks_module.builtin_banks()["helpsteer2"].bank.digest
    await store.put_vectors(digest, "embedder", bytes(16))
    (key,) = await redis.keys("*vectors*")
    assert await redis.ttl(key) == -1


async def test_a_version_is_kept_while_a_name_points_to_it(redis):
    store, bank = BankStore(redis), bank_of(2)
    await store.put("one", bank)
    await store.put("other", bank)
    assert await store.delete("one")
    assert await redis.ttl("azimuth:bank-data:" + bank.digest) == -1
    assert await store.delete("other")
    assert await redis.ttl("azimuth:bank-data:" + bank.digest) > 0
    assert not await store.delete("other")


async def test_only_the_current_one_of_versions_stored_at_once_is_kept(redis):
    store = BankStore(redis)
    banks = [bank_of(count) for count in range(1, 9)]
    await asyncio.gather(*(store.put("b", bank) for bank in banks))
    kept = (await store.info("b")).digest
    for bank in banks:
        expires = await redis.ttl("azimuth:bank-data:" + bank.digest) > 0
        assert expires is (bank.digest != kept)


@pytest.mark.parametrize("hours", [-5, 5])
async def test_the_clock_of_a_worker_does_not_decide_whether_its_index_is_ready(
    redis, monkeypatch, hours
):
    store, here = BankStore(redis), time.time()
    monkeypatch.setattr(time, "time", lambda: here + hours * 3600)
    await store.mark_indexed("d", "w", ttl_s=0.3)
    monkeypatch.setattr(time, "time", lambda: here)
    assert await store.indexed_by("d") == ["w"]
    await asyncio.sleep(0.4)
    assert await store.indexed_by("d") == []


async def test_which_banks_a_worker_indexed_and_which_it_could_not_is_stored_for_a_time(redis):
    store = BankStore(redis)
    library = SimpleNamespace(ready=["good"], failed={"bad": "no memory left"})
    await report_indexes(store, library, "w", ttl_s=0.3)
    assert (await store.indexed_by("good"), await store.index_failures("good")) == (["w"], {})
    assert await store.index_failures("bad") == {"w": "no memory left"}
    assert await store.indexed_by("bad") == []
    await asyncio.sleep(0.4)
    assert await store.index_failures("bad") == {}


async def test_a_bank_is_read_off_the_event_loop(redis, monkeypatch):
    """A large one takes seconds, and meanwhile requests and heartbeats must go on."""
    read_in: list[threading.Thread] = []

    def recorded(content: bytes) -> Bank:
        read_in.append(threading.current_thread())
        return parse_bank(content)

    store, bank = BankStore(redis), bank_of(3)
    await store.put("b", bank)
    monkeypatch.setattr(banks_module, "parse_bank", recorded)
    banks_module.builtin_banks()  # these are read once, at their first use
    read_in.clear()
    assert await store.load(bank.digest) == bank
    assert read_in
    assert threading.main_thread() not in read_in
