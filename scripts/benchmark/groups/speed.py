"""How long the retrieval for a group takes in a large bank. Ratings are drawn."""

from __future__ import annotations

import time

import numpy as np

from app.domain.arrays import Floats
from app.domain.bank import Bank, LabelledScenario
from app.domain.methods import Retrieval
from app.domain.ratings.groups import APPROPRIATENESS, GroupRatings
from app.domain.ratings.measures import contrast, shrunk_stability, stability
from app.domain.ratings.retrieval import VERSION, FittedGroup, FittedWeights, Weights
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ExampleGroup, ScorerSettings
from scripts.benchmark.groups.retrieving import KINDS
from scripts.benchmark.retrieval.vectors import like_texts
from workers.retrieval.embedding import Vectors
from workers.retrieval.groups import GroupBank
from workers.retrieval.index import ExampleIndex

_RESPONSES = 5
_PEOPLE = 2
_WEIGHTS = Weights(similarity=-0.05, stability=-0.17, contrast=0.14, constant=1.3)
_APPROPRIATE = Attribute(APPROPRIATENESS, "How appropriate.")


def large_bank(base: Vectors, count: int) -> GroupBank:
    """A bank of so many scenarios with ratings of one group, and vectors like those of texts."""
    draw = np.random.default_rng(5)
    liked = draw.normal([2, 4, 3.5, 4, 3], 0.8, (count, 1, _RESPONSES))
    noise = draw.normal(0, 0.8, (count, _PEOPLE, _RESPONSES))
    people = np.clip(np.round(liked + noise), 1, 5)
    scenarios = tuple(
        LabelledScenario(str(row), f"question {row}", tuple(f"{row} {y}" for y in "abcde"))
        for row in range(count)
    )
    weights = FittedWeights(_WEIGHTS, (_WEIGHTS,) * 5, 0)
    return GroupBank(
        Bank("large", scenarios),
        ExampleIndex.build(like_texts(base, 1)(count)),
        _ratings(people),
        FittedGroup(VERSION, weights),
    )


def _ratings(people: Floats) -> GroupRatings:
    means = people.mean(axis=1)
    return GroupRatings(
        group="drawn",
        people=people,
        means=means,
        stability=stability(people),
        contrast=contrast(people),
        disagreement=-shrunk_stability(people),
        appropriateness=(means - 1) / 4,
        flat=np.ptp(means, axis=1) < 0.5,
        width=4.0,
    )


def timed(bank: GroupBank, queries: Vectors) -> dict[Retrieval, tuple[Floats, Floats]]:
    """For each kind: milliseconds by the clock, and of the processor, for each query.

    The query's vector is given: what its embedding takes is not counted.
    """
    times: dict[Retrieval, tuple[Floats, Floats]] = {}
    scenario = Scenario("a question that the bank does not have", ("one", "two"))
    for kind in KINDS:
        settings = ScorerSettings(retrieval=kind, group=ExampleGroup("drawn", VERSION))
        bank.examples(queries[0], scenario, _APPROPRIATE, settings)
        pairs: list[tuple[float, float]] = []
        for query in queries:
            started, processor = time.perf_counter(), time.process_time()
            bank.examples(query, scenario, _APPROPRIATE, settings)
            pairs.append((time.perf_counter() - started, time.process_time() - processor))
        wall, own = np.array(pairs).T * 1000
        times[kind] = (wall, own)
    return times
