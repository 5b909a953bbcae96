"""From a job to its cells, with a scripted engine."""

import asyncio

import pytest

from app.domain.cells import Cell, Unscored
from app.domain.job import Job
from app.domain.scenario import Scenario
from app.domain.scorer import ModelIdentity, Scorer, ScorerSettings
from tests.unit.workers.scripted import (
    ASKED,
    BAD,
    CUT,
    DEPTH,
    WIT,
    ScriptedEngine,
    good,
    scored,
    scorer_of,
)
from workers.engines.base import Generation
from workers.errors import EngineOverloaded, EngineRejected
from workers.judges.language.asking import (
    CountingEngine,
    draw_seed,
)


async def test_a_valid_answer_becomes_a_cell_that_explains_itself():
    cells = await scored(ScriptedEngine([good(20, 90)]), examples=2)
    cell = cells["depth"]
    assert isinstance(cell, Cell)
    assert [s.score for s in cell.scores] == [0.2, 0.9]
    assert [s.reasoning for s in cell.scores] == ["why A", "why B"]
    assert [e.id for e in cell.examples] == ["near", "mid"]
    assert cell.examples[0].similarity > cell.examples[1].similarity
    assert cell.usage.prompt_tokens > 0
    assert cell.usage.cached_prompt_tokens == 1
    assert cell.timings.queue >= 50


async def test_the_nearest_example_stands_next_to_the_question():
    engine = ScriptedEngine([good(1, 2)])
    await scored(engine, examples=2)
    turns = [m.content for m in engine.asked[0][0].messages if m.role == "user"]
    assert "sea" in turns[0]
    assert "sky blue" in turns[1]
    assert "so blue" in turns[2]


async def test_samples_and_orders_are_averaged_with_their_spread():
    engine = ScriptedEngine([good(0, 100), good(20, 100)], [good(60, 40), good(60, 40)])
    cells = await scored(engine, samples=2, orders=2, temperature=0.7)
    first, second = cells["depth"].scores
    # The second order shows the candidates the other way round.
    assert first.values == (0.0, 0.2, 0.4, 0.4)
    assert first.score == pytest.approx(0.25)
    assert second.values == (1.0, 1.0, 0.6, 0.6)
    assert second.spread == pytest.approx(0.2)


async def test_all_attributes_and_orders_are_given_to_the_engine_at_once():
    barrier = asyncio.Barrier(4)

    class Gate(ScriptedEngine):
        async def generate(self, prompt, schema, sampling):
            await barrier.wait()  # passes only when all four are in flight together
            return Generation((good(1, 2),), prompt.length)

    cells = await asyncio.wait_for(scored(Gate(), attributes=(DEPTH, WIT), orders=2), 5)
    assert set(cells) == {"depth", "wit"}


async def test_an_invalid_answer_is_requested_once_more_with_sampling():
    engine = ScriptedEngine([BAD], [good(30, 40)])
    cells = await scored(engine)
    assert [s.score for s in cells["depth"].scores] == [0.3, 0.4]
    (_, first), (_, second) = engine.asked
    assert first.temperature == 0
    assert second.temperature > 0
    assert cells["depth"].answers_discarded == 0


@pytest.mark.parametrize(("answer", "reason"), [(BAD, "invalid-output"), (CUT, "truncated")])
async def test_an_answer_invalid_twice_leaves_the_cell_unscored_with_its_reason(answer, reason):
    engine = ScriptedEngine([answer], [answer])
    cells = await scored(engine)
    assert isinstance(cells["depth"], Unscored)
    assert cells["depth"].reason == reason
    assert len(engine.asked) == 2


async def test_only_invalid_samples_are_requested_again_and_lost_ones_are_counted():
    engine = ScriptedEngine([good(10, 10), BAD, CUT], [good(30, 30), BAD])
    cells = await scored(engine, samples=3, temperature=0.7)
    assert engine.asked[1][1].samples == 2
    assert cells["depth"].scores[0].values == (0.1, 0.3)
    assert cells["depth"].answers_discarded == 1


async def test_an_order_without_any_valid_answer_leaves_the_cell_unscored():
    """The mean over the other order alone would carry its position bias."""
    engine = ScriptedEngine([good(1, 2)], [BAD], [BAD])
    cells = await scored(engine, orders=2)
    assert isinstance(cells["depth"], Unscored)


async def test_every_order_has_the_same_weight_however_many_of_its_samples_were_valid():
    engine = ScriptedEngine([good(0, 0), good(0, 0)], [good(100, 100), BAD], [BAD])
    cells = await scored(engine, orders=2, samples=2, temperature=0.7)
    assert cells["depth"].scores[0].score == 0.5


async def test_a_rejected_retry_costs_no_valid_answer():
    engine = ScriptedEngine([good(10, 20), BAD], EngineRejected("too long"))
    cell = (await scored(engine, samples=2, temperature=0.7))["depth"]
    assert isinstance(cell, Cell)
    assert [s.score for s in cell.scores] == [0.1, 0.2]
    assert cell.answers_discarded == 1
    engine = ScriptedEngine([CUT], EngineRejected("too long"))
    unscored = (await scored(engine))["depth"]
    assert unscored.reason == "truncated"
    assert unscored.detail == (
        "the answer was cut at 99 tokens, and the engine rejected a second try: too long"
    )


async def test_neighbouring_seeds_orders_and_retries_share_no_draws():
    """Engines count up from an ask's seed, one for each sample."""
    drawn: set[int] = set()
    for seed in range(20):
        engine = ScriptedEngine([BAD, BAD], [BAD, BAD], [BAD, BAD], [BAD, BAD])
        await scored(engine, seed=seed, orders=2, samples=2, temperature=0.7)
        for _, sampling in engine.asked:
            drawn |= set(range(sampling.seed, sampling.seed + sampling.samples))
    assert len(drawn) == 20 * 2 * 2 * 2
    assert max(drawn) < 2**31
    assert draw_seed(3, 1, 0) == draw_seed(3, 1, 0)


async def test_finished_answers_are_counted():
    engine = ScriptedEngine([BAD], [good(1, 2)])
    model = ModelIdentity("m", "r", "scripted", 9000, "hashing:1", {"comparative": "x"})
    one = Job("j", "s", ASKED, {"depth": DEPTH}, Scorer(ScorerSettings(), model, None), "r", 0)
    counting = CountingEngine(engine)
    async for _ in scorer_of(counting, engine, 9000).score(one):
        assert counting.finished == 2


async def test_a_rejected_prompt_is_unscored_but_an_outage_is_raised():
    cells = await scored(ScriptedEngine(EngineRejected("bad schema")))
    assert cells["depth"].reason == "engine-error"
    with pytest.raises(EngineOverloaded):
        await scored(ScriptedEngine(EngineOverloaded("busy")))


async def test_the_scorer_s_sampling_settings_reach_the_engine():
    engine = ScriptedEngine([good(1, 2), BAD], [good(3, 4)])
    await scored(engine, temperature=0.9, seed=11, samples=2)
    (_, first), (_, retry) = engine.asked
    assert (first.temperature, first.samples) == (0.9, 2)
    assert first.seed == draw_seed(11, 0, 0)
    assert (retry.temperature, retry.samples) == (0.9, 1)
    assert retry.seed == draw_seed(11, 0, 1)


async def test_when_one_prompt_fails_the_others_are_cancelled():
    cancelled = asyncio.Event()

    class Half(ScriptedEngine):
        async def generate(self, prompt, schema, sampling):
            self.asked.append((prompt, sampling))
            if len(self.asked) == 1:
                await asyncio.sleep(0.01)
                raise EngineOverloaded("busy")
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise

    with pytest.raises(EngineOverloaded):
        await scored(Half(), orders=2)
    assert cancelled.is_set()


async def test_zero_shot_asks_without_examples():
    engine = ScriptedEngine([good(1, 2)])
    cells = await scored(engine, bank=False, examples=0)
    assert cells["depth"].examples == ()
    assert [m.role for m in engine.asked[0][0].messages] == ["system", "user"]


async def test_an_attribute_without_labels_in_the_bank_is_asked_without_examples():
    cells = await scored(ScriptedEngine([good(1, 2)]), attributes=(WIT,))
    assert cells["wit"].examples == ()


async def test_the_position_bias_is_the_change_from_the_first_place_to_the_last():
    """Both candidates gain 0.2 where they stand last, whatever they are worth themselves."""
    forward, backward = good(40, 90), good(70, 60)  # backward shows the second candidate first
    cells = await scored(ScriptedEngine([forward], [backward]), orders=2, examples=0)
    cell = cells["depth"]
    assert cell.position_bias == pytest.approx(0.2)
    assert [s.score for s in cell.scores] == pytest.approx([0.5, 0.8])


async def test_one_order_gives_no_position_bias():
    cells = await scored(ScriptedEngine([good(20, 90)]), examples=0)
    assert cells["depth"].position_bias is None


@pytest.mark.parametrize(
    ("question", "candidates", "examples"),
    [
        ("why is the sky blue", ("a", "new"), ["mid", "far"]),
        ("why is the sky blue", ("other", "new"), ["near", "mid", "far"]),
        ("why is the sky so blue", ("a", "b"), ["near", "mid", "far"]),
    ],
)
async def test_a_candidate_s_own_label_is_never_among_its_examples(question, candidates, examples):
    """A bank that is scored itself, as calibration does, would otherwise only be copied."""
    scenario = Scenario(question, candidates)
    cells = await scored(ScriptedEngine([good(20, 90)]), scenario=scenario, examples=5)
    assert [e.id for e in cells["depth"].examples] == examples
