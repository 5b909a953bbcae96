"""Prompts are trimmed to the context, with a scripted engine that counts characters."""

from app.domain.cells import Cell
from tests.unit.workers.scripted import BANK, CUT, Library, ScriptedEngine, bank_of, good, scored


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
