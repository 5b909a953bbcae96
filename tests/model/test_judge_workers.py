"""Reward models and Kaleido as workers, over the queue and over HTTP."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from app.domain.cells import Cell, Unscored
from app.domain.features import surface_of
from app.domain.job import Job
from app.domain.scenario import Choice, Presentation
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from app.settings import StoreSettings
from app.store.queue import JobQueue
from app.store.redis import connect
from app.store.score_sets import ScoreCache
from tests.model.tiny_judges import (
    CARE,
    QUESTION,
    REPLIES,
    job,
    make_chat_reward,
    reference_rewards,
)
from tests.support import grouped, wait_until

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    ("engine", "folder", "method", "subject"),
    [
        ("reward", "chat_reward", "reward_model", Choice()),
        ("kaleido", "tiny_kaleido", "kaleido", CARE),
    ],
)
def test_a_worker_announces_one_method_and_serves_it(
    service, request, engine, folder, method, subject
):
    path = request.getfixturevalue(folder)
    settings = {"AZIMUTH_ENGINE": engine, "AZIMUTH_MODEL": str(path)}
    child = service.start_worker(ready=False, **settings)

    def pool():
        assert child.alive(), child.last_lines(40)
        pools = service.redis.hvals("azimuth:pools")
        return json.loads(pools[0]) if pools else None

    announced = wait_until(pool, timeout_s=90, what="the pool")
    assert list(announced["model"]["profiles"]) == [method]
    assert announced["model"]["name"] == path.name
    assert announced["model"]["embedder"] == "none"
    assert announced["model"]["engine"] == engine

    identity = msgspec.convert(announced["model"], ModelIdentity)
    scorer = Scorer(ScorerSettings(method=method), identity)
    asked = msgspec.structs.replace(job(subject), scorer=scorer)
    cell = asyncio.run(ask(service.redis_url, announced["name"], asked))
    assert isinstance(cell, Cell)
    assert len(cell.scores) == len(REPLIES)
    child.process.terminate()
    wait_until(lambda: not child.alive(), what="the worker's end")
    assert child.process.returncode == 0
    assert "sentence" not in service.log("worker").lower()


def test_judges_serve_their_methods_next_to_a_language_model(service, chat_reward, tiny_kaleido):
    """Over HTTP: requests need not name a model, because the method determines the pool."""
    service.start_api()
    service.start_worker()
    folders = {"reward": chat_reward, "kaleido": tiny_kaleido}
    for engine, folder in folders.items():
        settings = {"AZIMUTH_ENGINE": engine, "AZIMUTH_MODEL": str(folder)}
        service.start_worker(ready=False, **settings)
    wait_until(lambda: service.redis.hlen("azimuth:pools") == 3, timeout_s=90, what="the pools")
    body = {"question": QUESTION, "responses": list(REPLIES)}

    preferred = service.post("/v1/select", body | grouped(method="reward_model")).json()
    rewards = reference_rewards(chat_reward)
    assert preferred["selection"]["selected"]["index"] == rewards.index(max(rewards))
    assert sum(r["preference"] for r in preferred["selection"]["ranking"]) == pytest.approx(
        1, abs=1e-5
    )
    (cell,) = preferred["score_set"]["cells"]
    assert [s["reward"] for s in cell["scores"]] == pytest.approx(rewards, abs=1e-4)

    valued = body | grouped(method="kaleido", attribute_set="moral-foundations")
    answer = service.post("/v1/select", valued | {"target": {"care": 1, "fairness": 0.5}}).json()
    care = next(c for c in answer["score_set"]["cells"] if c["attribute"] == "care")
    for scored in care["scores"]:
        valence = scored["valence"]
        assert sum(valence.values()) == pytest.approx(1, abs=1e-5)
        mean = valence["supports"] + valence["either"] / 2
        assert scored["score"] == pytest.approx(mean, abs=1e-5)  # cells keep six digits
    target = {"score_set_ids": answer["score_set"]["id"], "targets": {"care": 0}}
    assert service.post("/v1/retarget", target).json()["pairs"][0]["selection"]["selected"]

    plain = service.post("/v1/select", body | {"target": {"helpfulness": 1}}).json()
    assert plain["score_set"]["scorer"]["engine"] == "fake"
    refused = service.post("/v1/score", body | grouped(model=chat_reward.name))
    assert refused.status_code == 422
    assert "does not serve method 'comparative'" in refused.json()["detail"]


async def ask(redis_url: str, pool: str, asked: Job) -> Cell:
    """Give a job to the queue, as the API does, and wait for its one cell."""
    redis = connect(StoreSettings(redis_url=redis_url))
    queue = JobQueue(redis, queue_limit=5, cache_ttl_s=60)
    try:
        await queue.open(pool)
        await queue.submit(
            asked,
            pool,
            within_ms=10**9,
            view="v",
            presentation=Presentation(tuple("abcd"), (0, 1, 2, 3)),
            surface=surface_of(asked.scenario),
        )
        async with asyncio.timeout(60):
            cells: dict[str, Cell | Unscored] = {}
            while not cells:
                cells = await ScoreCache(redis).cells("s", list(asked.cells))
                await asyncio.sleep(0.05)
    finally:
        await redis.aclose()
    (settled,) = cells.values()
    assert isinstance(settled, Cell)
    return settled


def test_a_worker_that_cannot_start_logs_why(service, tmp_path):
    folder = make_chat_reward(tmp_path / "two", labels=2)
    child = service.start_worker(ready=False, AZIMUTH_ENGINE="reward", AZIMUTH_MODEL=str(folder))
    wait_until(lambda: not child.alive(), timeout_s=90, what="the worker's end")
    assert child.process.returncode == 70
    assert "has 2 outputs: a reward model has one" in service.log("worker")
