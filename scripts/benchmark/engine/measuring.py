"""Measures the ways to score the same scenarios, one after the other and in turns."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct

from app.domain.bank import LabelledScenario, bank_of, serialize_bank
from scripts.benchmark.engine.running import Running, run_alone, running_service
from scripts.benchmark.engine.work import Measured, Work, about, read_work, write_work
from scripts.benchmark.records.scenario_files import read_file, read_scenarios, sampled
from scripts.benchmark.running.cells import usage
from scripts.client.service import Service

DEFAULT = "attribute first, similar"
ORDERS: Mapping[str, Mapping[str, str]] = {
    DEFAULT: {},
    "attribute first, fixed": {"retrieval": "fixed"},
    "item first, similar": {"prompt_order": "item_first"},
    "item first, fixed": {"prompt_order": "item_first", "retrieval": "fixed"},
}
"""Orders of prompts, as settings of `scoring`."""
_BANK = "examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What to measure; see the help of `python -m scripts.benchmark engine`."""

    scenarios: Path
    train: Path
    bank_chars: int
    count: int
    alone: int
    attributes: tuple[str, ...]
    rounds: int
    orders: tuple[str, ...]
    """Orders of prompts to measure beside the default, once."""
    settings: Mapping[str, str]


class Way(Struct, frozen=True):
    """One way to score, with what it took in each round."""

    name: str
    scenarios: int
    rounds: tuple[Measured, ...]

    @property
    def per_minute(self) -> float:
        """Scenarios a minute, the median of the rounds."""
        return median(60 * self.scenarios / one.seconds for one in self.rounds)


class Comparison(Struct, frozen=True):
    """All ways on the same scenarios."""

    service: dict[str, Way]
    """Order of prompts -> the service, asked for all scenarios at once."""
    listed: Way
    """The prompts of the service in its default order, given to `LLM.generate` in one list."""
    alone: Way | None
    """Some of these prompts as the paper did; None where it was left out."""

    def overheads(self) -> list[tuple[float, float]]:
        """Time and processor time of the service over those of `LLM.generate`, round by round."""
        pairs = zip(self.service[DEFAULT].rounds, self.listed.rounds, strict=True)
        return [
            (service.seconds / listed.seconds, service.cpu_s / listed.cpu_s)
            for service, listed in pairs
        ]


def compare(options: EngineOptions) -> Comparison:
    """Measure all ways, the service and `LLM.generate` in turns. Never two models at once."""
    scenarios = sampled(read_scenarios([options.scenarios])[0], options.count, seed=0)
    service: dict[str, list[Measured]] = {name: [] for name in (DEFAULT, *options.orders)}
    listed: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="azimuth-engine-") as name:
        file = Path(name) / "work.json"
        for turn in range(options.rounds):
            last = turn == options.rounds - 1
            orders = [DEFAULT, *(options.orders if last else ())]
            measured, work = _through_the_service(options, scenarios, orders)
            for order, one in measured.items():
                service[order].append(one)
            write_work(file, work)
            listed.append(run_alone("scripts.benchmark.engine.listed", file, options.settings))
            note("LLM.generate", listed[-1])
        alone = None
        if options.alone:
            chosen = _ordinary(scenarios, work, options.alone)
            write_work(file, [one for part in chosen for one in part])
            took = run_alone("scripts.benchmark.engine.alone", file, options.settings)
            note("transformers with Outlines", took)
            alone = Way("transformers with Outlines", len(chosen), (took,))
    return Comparison(
        service={
            order: Way(order, len(scenarios), tuple(rounds)) for order, rounds in service.items()
        },
        listed=Way("LLM.generate", len(scenarios), tuple(listed)),
        alone=alone,
    )


def _ordinary(
    scenarios: Sequence[LabelledScenario], work: Sequence[Work], count: int
) -> list[list[Work]]:
    """The prompts of those scenarios whose number of tokens is nearest the mean."""
    parts = [about(work, scenario.question, scenario.responses) for scenario in scenarios]
    sizes = [sum(len(one.token_ids) for one in part) for part in parts]
    mean = sum(sizes) / len(sizes)
    order = sorted(range(len(parts)), key=lambda i: abs(sizes[i] - mean))
    return [parts[i] for i in order[:count]]


def _through_the_service(
    options: EngineOptions, scenarios: Sequence[LabelledScenario], orders: Sequence[str]
) -> tuple[dict[str, Measured], list[Work]]:
    """What each order took, and the prompts of the first of them."""
    with running_service(options.settings) as running:
        return asyncio.run(_ask(running, options, scenarios, orders))


async def _ask(
    running: Running,
    options: EngineOptions,
    scenarios: Sequence[LabelledScenario],
    orders: Sequence[str],
) -> tuple[dict[str, Measured], list[Work]]:
    measured: dict[str, Measured] = {}
    async with Service(running.url, len(scenarios)) as service:
        await service.put_bank(_BANK, _bank(options))
        # The bank is indexed by the first request, which is not measured.
        await service.score(_body(options, "How are you?", ("Fine.", "Tired."), {"examples": 1}))
        before = len(read_work(running.recorded))
        work: list[Work] = []
        for order in orders:
            bodies = [
                _body(options, one.question, one.responses, ORDERS[order]) for one in scenarios
            ]
            measured[order] = await score(running, service, bodies)
            note(order, measured[order])
            work = work or read_work(running.recorded)[before:]
    return measured, work


async def score(
    running: Running, service: Service, bodies: Sequence[Mapping[str, Any]]
) -> Measured:
    """What the service takes to score these requests."""
    used, started = running.processor_seconds(), time.perf_counter()
    answers = await asyncio.gather(*(service.score(body) for body in bodies))
    seconds = time.perf_counter() - started
    cpu_s = running.processor_seconds() - used
    scored = [cell for score_set, _ in answers for cell in score_set.cells]
    spent = usage(scored)
    return Measured(
        seconds=seconds,
        prompts=len(scored),
        prompt_tokens=spent.prompt_tokens,
        cached_prompt_tokens=spent.cached_prompt_tokens,
        output_tokens=spent.output_tokens,
        cpu_s=cpu_s,
        memory_mb=running.memory_mb(),
    )


def _body(
    options: EngineOptions, question: str, responses: Sequence[str], scoring: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "question": question,
        "responses": list(responses),
        "attributes": list(options.attributes),
        "scoring": {"method": "comparative", "bank": _BANK, **scoring},
    }


def note(name: str, one: Measured) -> None:
    """Show that a long command makes progress."""
    took = f"{one.seconds:.0f} s, {one.cpu_s:.0f} s of processors"
    print(f"{name}: {one.prompts} prompts in {took}", file=sys.stderr, flush=True)


def _bank(options: EngineOptions) -> bytes:
    known = read_file(options.train).scenarios
    short = [
        one
        for one in known
        if len(one.question) + sum(map(len, one.responses)) <= options.bank_chars
    ]
    return serialize_bank(bank_of(short))
