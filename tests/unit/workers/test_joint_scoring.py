"""Several attributes scored in one prompt, with a scripted engine."""

import json

import pytest

from app.domain.cells import Unscored, Usage
from app.domain.scenario import Attribute
from tests.unit.workers.scripted import BAD, CUT, DEPTH, WIT, ScriptedEngine, good, scored
from workers.engines.base import Answer

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
