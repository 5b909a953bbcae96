"""How cells are settled, on a real Redis: atomically, once, and with notices."""

from __future__ import annotations

import asyncio
import math

import msgspec
import pytest

from app.domain.cells import CandidateScore, Cell, ExampleUse, Unscored
from app.domain.fingerprint import attribute_field
from app.store.jobs import Backlog
from app.store.notice_hub import NoticeHub
from app.store.score_sets import ScoreCache
from tests.jobs import HELP, POOL, WIT, cell, claim, job, submit


async def test_an_unscored_cell_is_reported_and_scored_again_at_the_next_request(queue, redis):
    one = job(HELP)
    field = attribute_field(HELP)
    await submit(queue, one)
    await queue.settle(one, {field: Unscored("help", "truncated", "cut")})
    cells = await ScoreCache(redis).cells("s", [field])
    assert cells == {field: Unscored("help", "truncated", "cut")}
    assert (await submit(queue, job(HELP))).queued


async def test_a_failure_never_replaces_a_score(queue, redis):
    one = job(HELP)
    field = attribute_field(HELP)
    await queue.settle(one, {field: cell()})
    await queue.settle(one, {field: Unscored("help", "engine-error", "late")})
    assert await ScoreCache(redis).cells("s", [field]) == {field: cell()}


async def test_a_job_delivered_twice_keeps_its_first_scores(queue, redis):
    """A worker that lost its lease goes on, and sampling makes its scores differ."""
    one, field = job(HELP), attribute_field(HELP)
    await submit(queue, one)
    await queue.settle(one, {field: cell(score=0.25)})
    await queue.settle(one, {field: cell(score=0.75)})
    cells = await ScoreCache(redis).cells("s", [field])
    assert cells[field] == cell(score=0.25)


async def test_cells_settled_together_are_never_mixed_with_others(queue, redis):
    """The scores of one joint answer belong together: readers see all of them, or none."""
    one = job(HELP, WIT)
    fields = [attribute_field(HELP), attribute_field(WIT)]
    await submit(queue, one)
    found: list[dict[str, Cell]] = []

    async def look() -> None:
        while len(found) < 200:
            cells = await ScoreCache(redis).cells("s", fields)
            found.append(cells)

    def answer(score: float) -> dict[str, Cell]:
        return {fields[0]: cell(HELP, score=score), fields[1]: cell(WIT, score=score)}

    looking = asyncio.create_task(look())
    await asyncio.gather(*[queue.settle(one, answer(n / 10)) for n in range(10)])
    await looking
    assert {len(cells) for cells in found} <= {0, 2}
    assert len(found[-1]) == 2
    for cells in filter(None, found):
        assert len({one.scores[0].score for one in cells.values()}) == 1


async def test_scored_and_unscored_cells_of_a_job_are_settled_in_one_step(queue, redis):
    one, scored, absent = job(HELP, WIT), attribute_field(HELP), attribute_field(WIT)
    why = Unscored("wit", "truncated", "cut")
    await submit(queue, one)
    hub = NoticeHub(redis)
    await hub.start()
    with hub.listen("s") as mine:
        await mine.wait(2)  # subscribed
        await queue.settle(one, {scored: cell(), absent: why})
        while mine.settled != {scored, absent}:
            await mine.wait(2)
    await hub.close()
    assert await ScoreCache(redis).cells("s", [scored, absent]) == {scored: cell(), absent: why}
    assert not await redis.exists("azimuth:inflight:s")


async def test_a_second_delivery_publishes_the_cell_again(queue, redis):
    """A request that missed the first notice does not wait for ever."""
    one, field = job(HELP), attribute_field(HELP)
    await submit(queue, one)
    scored = "azimuth:ss:s"
    await redis.hset(scored, f"cell:{field}", msgspec.json.encode(cell()))
    await redis.hset(scored, f"fail:{field}", "an older attempt's")
    hub = NoticeHub(redis)
    await hub.start()
    with hub.listen("s") as mine:
        await mine.wait(2)  # subscribed
        await queue.settle(one, {field: cell(score=0.75)})
        await mine.wait(2)
        assert mine.settled == {field}
    await hub.close()
    assert not await redis.hexists(scored, f"fail:{field}")
    assert not await redis.hexists("azimuth:inflight:s", field)


async def test_a_job_given_up_is_settled_kept_as_a_dead_letter_and_acknowledged(queue, redis):
    await submit(queue, job())
    claimed = await claim(queue)
    field = attribute_field(HELP)
    await queue.bury(POOL, claimed, "broken", {field: Unscored("help", "engine-error", "broken")})
    assert (await queue.backlogs([POOL]))[POOL].dead == 1
    assert await queue.depth(POOL) == 0
    cells = await ScoreCache(redis).cells("s", [field])
    assert cells[field].detail == "broken"


async def test_a_job_of_another_version_settles_its_cells_with_a_reason(queue, redis):
    """Nobody waits for a job that no worker can read."""
    one, fields = job(HELP, WIT), [attribute_field(HELP), attribute_field(WIT)]
    await submit(queue, one)
    await redis.hset(f"azimuth:job:{one.id}", "body", '{"made": "by another version"}')
    ((entry, job_id),) = await queue.read(POOL, "w1", count=5, block_ms=500)
    assert await queue.load(POOL, entry, job_id) is None
    cells = await ScoreCache(redis).cells("s", fields)
    assert {cell.attribute: cell.reason for cell in cells.values()} == {
        "help": "engine-error",
        "wit": "engine-error",
    }
    assert "another version" in cells[fields[0]].detail
    assert (await queue.backlogs([POOL]))[POOL] == Backlog(depth=0, dead=1)
    assert (await submit(queue, job(HELP))).queued  # its in-flight marker is cleared


async def test_notices_reach_only_the_subscribers_of_their_score_set(queue, redis):
    hub = NoticeHub(redis)
    await hub.start()
    with hub.listen("s") as mine, hub.listen("other") as other:
        await mine.wait(2)  # subscribed: read the store once
        assert mine.resync
        one = job(HELP)
        await queue.settle(one, {attribute_field(HELP): cell()})
        assert await mine.wait(2)
        assert mine.settled == {attribute_field(HELP)}
        assert other.settled == set()
    await hub.close()


@pytest.mark.parametrize(
    "change",
    [
        {"scores": (CandidateScore(math.nan),)},
        {"scores": (CandidateScore(0.5, values=(0.5, math.inf)),)},
        {"position_bias": math.nan},
        {"examples": (ExampleUse("near", math.nan),)},
    ],
)
async def test_a_cell_with_a_number_that_is_not_finite_is_saved_as_unscored(queue, redis, change):
    """JSON has no NaN: it was stored as null, and the score set could not be read for 30 days."""
    one, field = job(HELP), attribute_field(HELP)
    await submit(queue, one)
    await queue.settle(one, {field: msgspec.structs.replace(cell(), **change)})
    cells = await ScoreCache(redis).cells("s", [field])
    assert isinstance(cells[field], Unscored)
    assert (cells[field].attribute, cells[field].reason) == (cell().attribute, "engine-error")
    assert "not finite" in cells[field].detail
