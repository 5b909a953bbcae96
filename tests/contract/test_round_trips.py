"""What a request that is answered from the cache costs in round trips to Redis."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.domain.cells import CandidateScore, Cell
from app.domain.job import Job
from app.domain.scenario import Attribute, AttributeSet
from app.domain.scorer import ModelIdentity
from app.resources import Resources
from app.scoring.requests import ScoreRequest
from app.scoring.service import Patience
from app.settings import Settings, StoreSettings
from app.store.fleet import WorkerInfo, pool_for

MODEL = ModelIdentity("m", "r", "fake", 8192, "e", {"comparative": "x"})
POOL = pool_for(MODEL)
PATIENCE = Patience(wait_s=5, deadline_s=10)


def request(number: int, **more) -> ScoreRequest:
    return ScoreRequest(question=f"q{number}", responses=["x", "y"], **more)


@pytest.fixture
async def resources(redis_server):
    url = f"redis://127.0.0.1:{redis_server[1]}/0"
    async with Resources.opened(Settings(store=StoreSettings(redis_url=url))) as opened:
        await opened.redis.flushall()
        await opened.fleet.beat(WorkerInfo("w", "ready", "serves", POOL.name, "m"), POOL)
        yield opened


@asynccontextmanager
async def counted(redis):
    """Commands that come over a connection, not from within a script.

    Checks of the health of a connection that was idle (PING) are not counted.
    """
    names: list[str] = []
    async with redis.monitor() as monitor:

        async def watch() -> None:
            async for command in monitor.listen():
                name = command["command"].split()[0].upper()
                if command["client_type"] == "tcp" and name != "PING":
                    names.append(name)

        async def until_seen() -> None:
            """Wait until every command so far has been seen."""
            await redis.echo("mark")
            while "ECHO" not in names:
                await asyncio.sleep(0.01)
            names.remove("ECHO")

        watching = asyncio.create_task(watch())
        await until_seen()
        names.clear()
        yield names
        await until_seen()
        watching.cancel()


async def answer(resources: Resources, body: ScoreRequest):
    planned = await resources.planner.plan(body)
    (judge,) = planned.judges
    return await resources.scoring.score(judge, PATIENCE, "r")


async def store(resources: Resources, body: ScoreRequest) -> None:
    """Score a request as a worker would."""
    plan = (await resources.planner.plan(body)).plan
    digest, scorer = plan.score_set.digest, plan.score_set.scorer
    job = Job("j", digest, plan.scenario, {}, scorer, request_id="r")
    scores = (CandidateScore(0.5), CandidateScore(0.25))
    await resources.queue.settle(job, {f: Cell(a.name, scores) for f, a in plan.asked.items()})


async def test_requests_answered_from_the_cache_take_one_round_trip_each(resources):
    bodies = [request(number) for number in range(20)]
    for body in bodies:
        await store(resources, body)
    await answer(resources, bodies[0])  # names and fleet are in memory from here on
    async with counted(resources.redis) as commands:
        for body in bodies:
            score_set = await answer(resources, body)
            assert len(score_set.scores) == 5
            assert score_set.cached == score_set.cells.keys()
    refreshed = commands.count("TIME")  # the fleet, every half second
    assert commands.count("EVALSHA") == len(bodies)
    others = set(commands) - {"EVALSHA", "TIME", "HVALS"}
    assert others == set()
    assert refreshed <= 2


async def test_a_changed_attribute_set_is_seen_at_once_here_and_soon_in_other_processes(
    resources, redis_server
):
    url = f"redis://127.0.0.1:{redis_server[1]}/0"
    async with Resources.opened(Settings(store=StoreSettings(redis_url=url))) as other:
        for definition in ("one", "two"):
            tone = AttributeSet("tone", (Attribute("warmth", definition),))
            await resources.attribute_sets.put(tone)
            assert await resources.attribute_sets.get("tone") == tone
            async with asyncio.timeout(5):
                while await other.attribute_sets.get("tone") != tone:
                    await asyncio.sleep(0.01)
        await resources.attribute_sets.delete("tone")
        assert await resources.attribute_sets.get("tone") is None
        async with asyncio.timeout(5):
            while await other.attribute_sets.get("tone") is not None:
                await asyncio.sleep(0.01)
