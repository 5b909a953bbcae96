"""Prompts are trimmed to the context, with a scripted engine that counts characters."""

import asyncio
import time

from app.domain.cells import Cell
from app.domain.scenario import Attribute, Scenario
from tests.unit.workers.scripted import (
    BAD,
    BANK,
    CUT,
    DEPTH,
    Library,
    ScriptedEngine,
    bank_of,
    good,
    job_of,
    scored,
    scorer_of,
)
from workers.judges.language.asking import CountingEngine


async def test_a_prompt_that_is_too_long_drops_its_least_similar_examples_and_reports_them():
    roomy = ScriptedEngine([good(1, 2)])
    cells = await scored(roomy, examples=3)
    full = roomy.asked[0][0].length
    assert cells["depth"].examples_dropped == ()
    cells = await scored(ScriptedEngine([good(1, 2)]), examples=3, context=full + 400)
    cell = cells["depth"]
    assert cell.examples_dropped == ("far",)
    assert [e.id for e in cell.examples] == ["near", "mid"]


async def test_a_bank_that_is_shown_whole_drops_its_least_similar_example_too(monkeypatch):
    """Its examples are in the bank's order, in which the last may be the nearest."""
    monkeypatch.setattr(Library, "bank", bank_of(*reversed(BANK.bank.scenarios)))
    roomy = ScriptedEngine([good(1, 2)])
    await scored(roomy, examples=3)
    full = roomy.asked[0][0].length
    cell = (await scored(ScriptedEngine([good(1, 2)]), examples=3, context=full + 400))["depth"]
    assert cell.examples_dropped == ("far",)
    assert [e.id for e in cell.examples] == ["near", "mid"]


async def test_a_scenario_that_is_too_long_without_examples_is_unscored_with_token_counts():
    engine = ScriptedEngine()
    cells = await scored(engine, context=300)
    unscored = cells["depth"]
    assert unscored.reason == "context-overflow"
    assert unscored.context_length == 300
    assert unscored.prompt_tokens + unscored.output_tokens > 300
    assert engine.asked == []


async def test_a_retry_after_a_cut_answer_gets_the_whole_context():
    engine = ScriptedEngine([CUT], [good(1, 2)])
    await scored(engine, context=50_000)
    (prompt, first), (_, second) = engine.asked
    assert second.max_tokens == 50_000 - prompt.length > first.max_tokens


async def test_a_scenario_that_leaves_room_for_an_ordinary_answer_only_is_still_asked():
    roomy = ScriptedEngine([good(1, 2)])
    await scored(roomy, bank=False, examples=0)
    length = roomy.asked[0][0].length
    tight = ScriptedEngine([good(1, 2)])
    cells = await scored(tight, context=length + 350, bank=False, examples=0)
    assert isinstance(cells["depth"], Cell)
    assert tight.asked[0][1].max_tokens < 350


async def test_levels_whose_examples_were_dropped_are_reported_as_uncovered():
    full = ScriptedEngine([good(1, 2)])
    await scored(full, examples=3)
    length = full.asked[0][0].length
    cells = await scored(ScriptedEngine([good(1, 2)]), examples=3, context=length - 200)
    assert cells["depth"].examples_dropped
    shown = {e.id for e in cells["depth"].examples}
    assert (0.5 in cells["depth"].levels_uncovered) is not bool({"mid", "far"} & shown)


class LongEngine(ScriptedEngine):
    """Counts the prompts that it encodes."""

    def __init__(self):
        super().__init__()
        self.encoded = 0

    def encode(self, messages):
        self.encoded += 1
        return super().encode(messages)


async def test_of_prompts_that_cannot_fit_only_the_first_is_encoded():
    """Not those of the other orders and candidates: their texts are the same."""
    engine = LongEngine()
    scenario = Scenario("why", ("one", "two", "x" * 50_000))
    settings = {"orders": 24, "reasoning": False, "bank": False, "examples": 0}
    cells = await scored(engine, context=8000, scenario=scenario, **settings)
    assert cells["depth"].reason == "context-overflow"
    assert engine.encoded <= 2


async def test_a_prompt_that_fits_with_all_its_examples_is_encoded_once():
    engine = LongEngine()
    engine.script = [[good(1, 2)]]
    await scored(engine, examples=3)
    assert engine.encoded == 1


async def test_a_small_request_does_not_wait_for_all_prompts_of_a_large_one():
    engine = LongEngine()
    order = []

    def slow(messages):
        small = "small" in messages[-1].content
        order.append("small" if small else "large")
        if not small:
            time.sleep(0.005)
        return ScriptedEngine.encode(engine, messages)

    engine.encode = slow
    engine.script = [[BAD]] * 1000
    attributes = [Attribute(f"a{n}", "How.") for n in range(5)]
    large = Scenario("large", tuple(f"reply {n}" for n in range(26)))
    scorer = scorer_of(CountingEngine(engine), engine, 100_000)

    async def all_of(job):
        return [one async for one in scorer.score(job)]

    settings = {"method": "regression", "examples": 0}
    first = asyncio.create_task(all_of(job_of(large, attributes, **settings)))
    while len(order) < 3:
        await asyncio.sleep(0.001)
    await all_of(job_of(Scenario("small", ("one", "two")), [DEPTH], **settings))
    behind = order.index("small")
    await first
    assert order.count("large") == 5 * 26
    assert behind < 26
