"""A scripted engine, and jobs scored with it."""

import asyncio
import json
from collections.abc import Sequence

from app.domain.bank import Bank, LabelledScenario
from app.domain.job import Job
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import BankRef, ModelIdentity, Scorer, ScorerSettings
from workers.engines.base import Answer, Generation, Sampling
from workers.judges.language.asking import (
    CountingEngine,
    ReadingAsker,
    WritingAsker,
)
from workers.judges.language.scoring import ScenarioScorer
from workers.methods.registry import reading_methods, writing_methods
from workers.retrieval.embedding import HashingEmbedder
from workers.retrieval.index import ExampleIndex
from workers.retrieval.indexed import IndexedBank
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
    return IndexedBank(Bank("d", scenarios), ExampleIndex.build(vectors))


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


def job_of(scenario, attributes, *, context=100_000, bank=False, **settings) -> Job:
    model = ModelIdentity("m", "r", "scripted", context, "hashing:1", {"comparative": "x"})
    return Job(
        id="j",
        score_set="s",
        scenario=scenario,
        attributes={a.name: a for a in attributes},
        scorer=Scorer(ScorerSettings(**settings), model, BankRef("b", "d") if bank else None),
        request_id="r",
        waited_ms=50.0,
    )


async def scored(
    engine, *, attributes=(DEPTH,), context=100_000, bank=True, scenario=ASKED, **settings
):
    job = job_of(scenario, attributes, context=context, bank=bank, **settings)
    scorer = scorer_of(CountingEngine(engine), engine, context)
    return {field: result async for one in scorer.score(job) for field, result in one.items()}
