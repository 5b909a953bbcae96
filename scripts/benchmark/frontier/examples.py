"""The few examples that every prompt shows in a mode with fixed examples."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.domain.bank import LabelledScenario
from scripts.benchmark.records.scenario_files import read_scenarios

_EXAMPLES = 5


def fixed_examples(train: Path, chars: int | None) -> str:
    """Scenarios that together show most label levels, short ones first, as JSON Lines.

    Nothing is retrieved from a bank with no more scenarios than are asked for.
    """
    scenarios = sorted(read_scenarios([train])[0], key=lambda s: (_length(s), s.id))
    if chars:
        short = [scenario for scenario in scenarios if _length(scenario) <= chars]
        scenarios = short or scenarios[:_EXAMPLES]
    shown: set[tuple[str, float]] = set()
    chosen: list[LabelledScenario] = []
    while scenarios and len(chosen) < _EXAMPLES:
        levels = [{item for one in s.labels for item in one.items()} for s in scenarios]
        best = max(range(len(scenarios)), key=lambda i: len(levels[i] - shown))
        shown |= levels[best]
        chosen.append(scenarios.pop(best))
    return "".join(msgspec.json.encode(scenario).decode() + "\n" for scenario in chosen)


def _length(scenario: LabelledScenario) -> int:
    return len(scenario.question) + sum(map(len, scenario.responses))
