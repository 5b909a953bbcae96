"""From a job to its cells, with a scripted engine."""

import asyncio
import json
import time
from collections.abc import Sequence

import pytest

from app.domain.bank import Bank, LabelledScenario
from app.domain.cells import Cell, Unscored, Usage
from app.domain.job import Job
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import BankRef, ModelIdentity, Scorer, ScorerSettings
from workers.engines.base import Answer, Generation, Sampling
from workers.errors import EngineOverloaded, EngineRejected
from workers.judges.language.asking import (
    CountingEngine,
    ReadingAsker,
    WritingAsker,
    draw_seed,
)
from workers.judges.language.scoring import ScenarioScorer
from workers.methods.registry import reading_methods, writing_methods
from workers.retrieval.embedding import HashingEmbedder
from workers.retrieval.index import ExampleIndex
from workers.retrieval.library import IndexedBank
from workers.tokenization.conversation import Message, Prompt

DEPTH = Attribute("depth", "How deep.", levels=(0, 0.5, 1))
WIT = Attribute("wit", "How witty.")


def good(*scores: int) -> Answer:
    pairs = zip("ABC", scores, strict=False)
    members = {x: {"reasoning": f"why {x}", "score": s} for x, s in pairs}
    text = json.dumps(members)
    return Answer(text, "stop", len(text) // 4)


BAD = Answer("nonsense", "stop", 2)
CUT = Answer('{"A":{"reasoning":"on and on', "length", 99)


class ScriptedEngine:
    """Answers from a script; counts a token a character."""

    def __init__(self, *script: Sequence[Answer] | Exception):
        self.script = list(script)
        self.asked: list[tuple[Prompt, Sampling]] = []

    def encode(self, messages: tuple[Message, ...]) -> Prompt:
        return Prompt(messages, sum(len(m.content) for m in messages))

    async def generate(self, prompt, schema, sampling) -> Generation:
        self.asked.append((prompt, sampling))
        await asyncio.sleep(0)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return Generation(tuple(step), prompt_tokens=prompt.length, cached_prompt_tokens=1)


def bank_of(*scenarios: LabelledScenario) -> IndexedBank:
    vectors = HashingEmbedder().encode([s.question for s in scenarios])
    return IndexedBank(Bank("d", scenarios), ExampleIndex(vectors))


BANK = bank_of(
    LabelledScenario("near", "why is the sky blue", ("a", "b"), ({"depth": 0}, {"depth": 1})),
    LabelledScenario("mid", "why is the sea", ("c", "d"), ({"depth": 0.5}, {"depth": 1})),
    LabelledScenario("far", "bread recipe", ("e" * 500, "f"), ({"depth": 0.5}, {"depth": 0})),
)


class Library:
    bank = BANK

    async def get(self, digest: str) -> IndexedBank:
        return self.bank

    async def embed(self, question: str):
        return HashingEmbedder().encode([question])[0]


ASKED = Scenario("why is the sky so blue", ("one", "two"))


def scorer_of(counting: CountingEngine, engine, context: int) -> ScenarioScorer:
    askers = {
        name: WritingAsker(method, counting, context) for name, method in writing_methods().items()
    }
    askers |= {name: ReadingAsker(method, counting) for name, method in reading_methods().items()}
    return ScenarioScorer(askers, engine.encode, context, Library())


async def scored(
    engine, *, attributes=(DEPTH,), context=100_000, bank=True, scenario=ASKED, **settings
):
    model = ModelIdentity("m", "r", "scripted", context, "hashing:1", {"comparative": "x"})
    job = Job(
        id="j",
        score_set="s",
        scenario=scenario,
        attributes={a.name: a for a in attributes},
        scorer=Scorer(ScorerSettings(**settings), model, BankRef("b", "d") if bank else None),
        request_id="r",
        submitted_ms=int(time.time() * 1000) - 50,
    )
    scorer = scorer_of(CountingEngine(engine), engine, context)
    return {field: result async for one in scorer.score(job) for field, result in one.items()}


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


async def test_a_scenario_that_is_too_long_without_examples_is_unscored_with_token_counts():
    engine = ScriptedEngine()
    cells = await scored(engine, context=300)
    unscored = cells["depth"]
    assert unscored.reason == "context-overflow"
    assert unscored.context_length == 300
    assert unscored.prompt_tokens + unscored.output_tokens > 300
    assert engine.asked == []


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


KIND = Attribute("kind", "How kind.")
TOGETHER = (DEPTH, KIND, WIT)


def good_jointly(*scores: tuple[int, ...]) -> Answer:
    """One tuple of scores for each attribute of `TOGETHER`."""
    pairs = zip(TOGETHER, scores, strict=True)
    text = json.dumps({a.name: json.loads(good(*given).text) for a, given in pairs})
    return Answer(text, "stop", len(text) // 4)


async def jointly(engine, *, attributes=TOGETHER, **more):
    return await scored(engine, attributes=attributes, joint=TOGETHER, **more)


async def test_attributes_asked_together_are_one_prompt_and_a_cell_each():
    engine = ScriptedEngine([good_jointly((20, 90), (1, 2), (50, 60))])
    cells = await jointly(engine, examples=2)
    assert len(engine.asked) == 1
    assert [cell.attribute for cell in cells.values()] == ["depth", "kind", "wit"]
    assert [s.score for s in cells["depth"].scores] == [0.2, 0.9]
    assert [s.score for s in cells["wit"].scores] == [0.5, 0.6]
    assert [s.reasoning for s in cells["kind"].scores] == ["why A", "why B"]
    assert {cell.kind for cell in cells.values()} == {"score"}
    assert [e.id for e in cells["wit"].examples] == ["near", "mid"]


@pytest.mark.parametrize("asked", [TOGETHER, (WIT, KIND), (WIT,)])
async def test_all_joint_attributes_are_asked_and_the_job_s_cells_share_the_usage(asked):
    engine = ScriptedEngine([BAD], [good_jointly((1, 2), (3, 4), (5, 6))])
    cells = await jointly(engine, attributes=asked, bank=False, examples=0)
    assert list(cells) == [a.name for a in asked]
    assert [s.score for s in cells["wit"].scores] == [0.05, 0.06]
    prompts = [prompt for prompt, _ in engine.asked]
    assert all(all(a.definition in p.messages[0].content for a in TOGETHER) for p in prompts)
    total = sum((cell.usage for cell in cells.values()), Usage())
    written = BAD.output_tokens + good_jointly((1, 2), (3, 4), (5, 6)).output_tokens
    assert total == Usage(sum(p.length for p in prompts), 2, written)


@pytest.mark.parametrize("joint", [(), TOGETHER])
async def test_a_job_whose_cells_were_all_scored_meanwhile_does_not_call_the_model(joint):
    engine = ScriptedEngine()
    assert await scored(engine, attributes=(), joint=joint) == {}
    assert engine.asked == []


async def test_joint_orders_and_samples_are_averaged_by_attribute():
    engine = ScriptedEngine(
        [good_jointly((0, 100), (0, 0), (10, 30)), good_jointly((20, 100), (0, 0), (10, 30))],
        [good_jointly((60, 40), (0, 0), (50, 30)), BAD],
        [BAD],
    )
    cells = await jointly(engine, samples=2, orders=2, temperature=0.7, examples=0)
    assert cells["depth"].scores[0].values == (0.0, 0.2, 0.4)
    assert cells["depth"].scores[0].score == pytest.approx(0.25)
    assert [s.score for s in cells["wit"].scores] == pytest.approx([0.2, 0.4])
    assert cells["depth"].position_bias == pytest.approx(0.35)  # 0.3 and 0.4 more where last
    assert cells["wit"].position_bias == pytest.approx(0)  # 0.2 more and 0.2 less
    assert [cell.answers_discarded for cell in cells.values()] == [1, 1, 1]


@pytest.mark.parametrize(("answer", "reason"), [(BAD, "invalid-output"), (CUT, "truncated")])
async def test_a_joint_answer_twice_invalid_leaves_every_cell_unscored(answer, reason):
    cells = await jointly(ScriptedEngine([answer], [answer]))
    assert {(name, cell.attribute) for name, cell in cells.items()} == {
        ("depth", "depth"), ("kind", "kind"), ("wit", "wit"),
    }  # fmt: skip
    assert all(isinstance(cell, Unscored) and cell.reason == reason for cell in cells.values())


async def test_one_attribute_missing_in_a_joint_answer_is_an_invalid_answer():
    lacking = json.loads(good_jointly((1, 2), (3, 4), (5, 6)).text)
    del lacking["wit"]
    answer = Answer(json.dumps(lacking), "stop", 9)
    engine = ScriptedEngine([answer], [good_jointly((7, 8), (7, 8), (7, 8))])
    cells = await jointly(engine)
    assert {s.score for cell in cells.values() for s in cell.scores} == {0.07, 0.08}


async def test_a_joint_prompt_that_is_too_long_leaves_every_cell_unscored():
    engine = ScriptedEngine()
    cells = await jointly(engine, context=900)
    assert {cell.reason for cell in cells.values()} == {"context-overflow"}
    assert {cell.context_length for cell in cells.values()} == {900}
    assert engine.asked == []


async def test_uncovered_levels_of_a_joint_prompt_are_reported_by_attribute():
    cells = await jointly(ScriptedEngine([good_jointly((1, 2), (3, 4), (5, 6))]), examples=1)
    (example,) = cells["depth"].examples
    assert example.id == "near"  # shows 0 and 1
    assert cells["depth"].levels_uncovered == (0.5,)
    assert cells["wit"].levels_uncovered == ()  # the bank knows none
