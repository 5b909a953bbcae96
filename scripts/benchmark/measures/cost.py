"""Tokens and seconds of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from app.domain.methods import METHODS
from scripts.benchmark.records.choices import NONE
from scripts.benchmark.records.results import Results, Run, ScenarioResult, common_attributes
from scripts.benchmark.records.targets import wishes_for


class Cost(Struct, frozen=True):
    """Mean cost of a scenario; for methods that read the target, of each of its targets.

    Those ask the model once for each target, the others once for all.
    """

    scenarios: int
    prompt_tokens: float | None
    cached_prompt_tokens: float | None
    """Part of `prompt_tokens` that the engine took from its prefix cache."""
    output_tokens: float | None
    timed: int
    """Scenarios whose time counts: none of their scores came from Azimuth's cache."""
    mean_seconds: float | None
    """From request to answer, divided by the requests in flight; None when no time counts.

    By Little's law: with N in flight all the time, one finishes every (latency / N) seconds. This
    is the machine's time for a scenario, and does not depend on N.
    """
    median_seconds: float | None
    per_target: bool = False
    """Whether figures are for each target of a scenario."""


def cost(results: Results) -> Cost:
    """Mean tokens, and seconds of the scenarios that were not answered from the cache (table 9)."""
    scenarios = results.answered
    method = METHODS.get(results.run.method)
    per_target = method is not None and method.reads_target
    # Tokens and seconds of a scenario are sums over the answers that were read for it.
    answers = [max(1, _answers_of(s, results.run)) if per_target else 1 for s in scenarios]
    every = list(zip(scenarios, answers, strict=True))
    seconds = [s.seconds / n / results.concurrency_of(s) for s, n in every if not s.cached]
    return Cost(
        scenarios=len(scenarios),
        per_target=per_target,
        prompt_tokens=_mean([s.usage.prompt_tokens / n for s, n in every]),
        cached_prompt_tokens=_mean([s.usage.cached_prompt_tokens / n for s, n in every]),
        output_tokens=_mean([s.usage.output_tokens / n for s, n in every]),
        timed=len(seconds),
        mean_seconds=_mean(seconds),
        median_seconds=float(np.median(seconds)) if seconds else None,
    )


def _answers_of(scenario: ScenarioResult, run: Run) -> int:
    """How many different targets, as the scenario sees them, have a selection."""
    wishes = wishes_for(common_attributes(scenario.labels), run.target_sets)
    return len(
        {
            place
            for name, places in wishes.places.items()
            for place, letter in zip(places.tolist(), scenario.selected[name], strict=True)
            if letter != NONE
        }
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
