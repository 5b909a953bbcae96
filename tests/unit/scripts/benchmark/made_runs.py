"""Scenarios, targets and runs for tests of measures."""

from collections.abc import Sequence

import numpy as np

from scripts.benchmark.measures.outcomes import Pairs, pairs_of
from scripts.benchmark.records.results import Results, Run, ScenarioResult, TargetSet

KIND = [{"kind": 1.0}, {"kind": 0.0}]
"""Labels of two candidates, the first of them the kind one."""


def scenario(labels: Sequence[dict[str, float]], chosen: str = "", **fields) -> ScenarioResult:
    given_id = fields.pop("id", "s1")
    return ScenarioResult(given_id, tuple(labels), selected={"set": chosen}, **fields)


def targets(*wanted: dict[str, float]) -> TargetSet:
    return TargetSet("set", "sampled", wanted)


def results(
    scenarios: Sequence[ScenarioResult],
    method: str = "comparative",
    sets: Sequence[TargetSet] = (),
    concurrency: int = 1,
) -> Results:
    ids = tuple(s.id for s in scenarios)
    run = Run(
        method, {}, {}, tuple(sets), (), None, 0, ids, "", {}, "", concurrency=concurrency
    )  # fmt: skip
    return Results(run, tuple(scenarios))


def outcome(labels: Sequence[dict[str, float]], chosen: str, target: dict[str, float]) -> Pairs:
    return pairs_of([scenario(labels, chosen)], targets(target))


def table(outcomes: Sequence[Sequence[int]], sizes: int = 1) -> Pairs:
    """Pairs of two candidates with given outcomes, (S, T)."""
    array = np.array(outcomes, dtype=np.int8)
    return Pairs(
        tuple(f"s{row}" for row in range(len(array))),
        array,
        np.ones_like(array),
        np.full(len(array), 2, dtype=np.int8),
        np.full_like(array, sizes),
    )
