"""Examples that are the same for every question."""

import pytest

from app.domain.bank import LabelledScenario
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ScorerSettings
from tests.unit.workers.scripted import DEPTH, ScriptedEngine, bank_of, good, scored
from workers.retrieval.embedding import HashingEmbedder
from workers.retrieval.fixed import FixedOrder
from workers.retrieval.indexed import IndexedBank

CARE = Attribute("care", "How caring.")
WIT = Attribute("wit", "How witty.")


def scenario(number: int, size: int, *, care=None, wit=None) -> LabelledScenario:
    labels = {"care": care, "wit": wit}
    given = {name: value for name, value in labels.items() if value is not None}
    text = f"topic {number} ".ljust(size, "x")
    return LabelledScenario(f"s{number}", text, (f"reply {number}",), (given,))


BANK = bank_of(
    *(scenario(i, 40 + i, care=i % 5 / 4, wit=i % 3 / 2) for i in range(40)),
    scenario(40, 10, care=0.5, wit=0.5),
    scenario(41, 4000, care=0.5, wit=0.5),
)


def shown(question, subject=CARE, *, bank: IndexedBank = BANK, reply="a reply", **settings):
    settings = ScorerSettings(retrieval="fixed", **settings)
    query = HashingEmbedder().encode([question])[0]
    chosen = bank.examples(query, Scenario(question, (reply,)), subject, settings)
    return [bank.bank.scenarios[n.row] for n in chosen.neighbours], chosen


@pytest.mark.parametrize("subject", [CARE, WIT, (CARE, WIT), Choice((CARE,), {"care": 1})], ids=str)
def test_every_question_gets_the_same_examples(subject):
    pair = bank_of(
        *(
            LabelledScenario(f"p{i}", f"q {i}", ("a", "b"), tuple({"care": x, "wit": x} for x in y))
            for i, y in enumerate([(0, 1), (0.5, 1), (1, 0), (0.25, 0.75)] * 4)
        )
    )
    first, _ = shown("topic 3", subject, bank=pair, examples=3)
    other, _ = shown("something else", subject, bank=pair, examples=3)
    assert first == other
    assert len(first) == 3


def test_they_cover_the_label_levels():
    examples, chosen = shown("anything")
    assert {one.labels[0]["care"] for one in examples} == {0, 0.25, 0.5, 0.75, 1}
    assert chosen.uncovered == ()
    _, chosen = shown("anything", examples=2)
    assert len(chosen.uncovered) == 3


def test_they_are_short_but_not_the_shortest():
    examples, _ = shown("anything")
    assert {"s40", "s41"}.isdisjoint(one.id for one in examples)
    assert max(len(one.question) for one in examples) < 60


def test_an_example_that_reveals_the_labels_is_replaced():
    examples, _ = shown("anything")
    known = examples[2]
    others, chosen = shown(known.question, reply=known.responses[0])
    assert known not in others
    assert sum(one in others for one in examples) == 4
    assert chosen.uncovered == ()


def test_similarities_are_those_of_the_question():
    examples, chosen = shown("topic 3 ".ljust(43, "x"))
    best = max(chosen.neighbours, key=lambda n: n.similarity)
    assert best.similarity > 0.3
    assert len(examples) == 5


def test_all_attributes_share_them_with_the_item_first():
    care, _ = shown("anything", CARE, prompt_order="item_first")
    wit, _ = shown("other", WIT, prompt_order="item_first")
    assert care == wit
    assert shown("anything", Attribute("new", "?"), prompt_order="item_first")[0] == []


def test_the_order_ranks_every_scenario_once():
    order = FixedOrder(BANK.bank.scenarios)
    ranked = order.nearest(100)
    assert sorted(n.row for n in ranked) == list(range(42))
    similarities = [n.similarity for n in ranked]
    assert similarities == sorted(similarities, reverse=True)


async def test_a_prompt_that_is_too_long_loses_the_example_that_it_shows_last():
    engine = ScriptedEngine([good(1, 2)], [good(1, 2)])
    more = {"retrieval": "fixed", "examples": 2, "attributes": (DEPTH,)}
    await scored(engine, **more)
    ((prompt, _),) = engine.asked
    tight = prompt.length + 560 - 60
    cells = await scored(engine, **more, context=tight)
    assert len(cells["depth"].examples_dropped) == 1
    shorter, _ = engine.asked[1]
    assert shorter.messages[:3] == prompt.messages[:3]
