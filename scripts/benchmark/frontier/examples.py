"""The few examples that every prompt shows in a mode with fixed examples."""

from __future__ import annotations

import json
from pathlib import Path

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
    chosen: list[str] = []
    while scenarios and len(chosen) < _EXAMPLES:
        levels = [{item for one in s.labels for item in one.items()} for s in scenarios]
        best = max(range(len(scenarios)), key=lambda i: len(levels[i] - shown))
        shown |= levels[best]
        chosen.append(scenarios.pop(best).id)
    lines = train.read_text("utf-8").splitlines()
    return "".join(line + "\n" for line in lines if line and json.loads(line)["id"] in chosen)


def _length(scenario: LabelledScenario) -> int:
    return len(scenario.question) + sum(map(len, scenario.responses))
