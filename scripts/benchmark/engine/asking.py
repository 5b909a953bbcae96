"""Measures what ways to ask the same judge take: with reasoning, without, and by hidden states."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.bank import LabelledScenario, bank_of, serialize_bank
from scripts.benchmark.engine.measuring import note, score
from scripts.benchmark.engine.running import WORKER, Running, running_service
from scripts.benchmark.engine.work import Measured
from scripts.benchmark.pages.tables import row_of
from scripts.benchmark.records.scenario_files import read_file, read_scenarios, sampled
from scripts.client.service import Service

_BANK = "examples"
_WRITES: Mapping[str, Mapping[str, Any]] = {
    "few-shot, with reasoning": {"method": "comparative", "bank": _BANK},
    "digits, one order": {"method": "comparative", "bank": None, "reasoning": False, "orders": 1},
}
_READS: Mapping[str, Mapping[str, Any]] = {"hidden states": {"method": "probe"}}
_FIRST = ("How are you?", ("Fine.", "Tired."))
_HEADER = ("way", "prompt tokens", "computed", "written", "CPU s a scenario", "times hidden states")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingOptions:
    """What to measure; see the help of `python -m scripts.benchmark asking`."""

    scenarios: Path
    train: Path
    bank_chars: int
    count: int
    writes: str
    """The engine that writes."""
    settings: Mapping[str, str]


def compare_asking(options: AskingOptions) -> dict[str, Measured]:
    """What each way takes for the same scenarios, all attributes of each; one model at a time."""
    scenarios = sampled(read_scenarios([options.scenarios])[0], options.count, seed=0)
    known = read_file(options.train).scenarios
    short = [
        one
        for one in known
        if len(one.question) + sum(map(len, one.responses)) <= options.bank_chars
    ]
    bank = serialize_bank(bank_of(short))
    measured: dict[str, Measured] = {}
    for engine, ways in (("states", _READS), (options.writes, _WRITES)):
        with running_service({**options.settings, "AZIMUTH_ENGINE": engine}, WORKER) as running:
            measured |= asyncio.run(_ask(running, scenarios, bank, ways))
    return measured


async def _ask(
    running: Running,
    scenarios: Sequence[LabelledScenario],
    bank: bytes,
    ways: Mapping[str, Mapping[str, Any]],
) -> dict[str, Measured]:
    measured: dict[str, Measured] = {}
    async with Service(running.url, 1) as service:
        await service.put_bank(_BANK, bank)
        for name, scoring in ways.items():
            # Loads what is loaded at the first request, such as the index of the bank.
            await service.score(_body(*_FIRST, scoring))
            bodies = [_body(one.question, one.responses, scoring) for one in scenarios]
            measured[name] = await score(running, service, bodies)
            note(name, measured[name])
    return measured


def _body(question: str, responses: Sequence[str], scoring: Mapping[str, Any]) -> dict[str, Any]:
    return {"question": question, "responses": list(responses), "scoring": dict(scoring)}


def asking_table(measured: Mapping[str, Measured], scenarios: int) -> str:
    """A row a way, tokens and processor time for each scenario."""
    (least,) = (one.cpu_s for name, one in measured.items() if name in _READS)
    lines = [row_of(_HEADER), row_of(["---"] * len(_HEADER))]
    for name, one in measured.items():
        computed = one.prompt_tokens - one.cached_prompt_tokens
        tokens = (one.prompt_tokens, computed, one.output_tokens)
        cells = [name, *(f"{count / scenarios:,.0f}" for count in tokens)]
        lines.append(row_of([*cells, f"{one.cpu_s / scenarios:.2f}", f"{one.cpu_s / least:.1f}"]))
    return "\n".join(lines)
