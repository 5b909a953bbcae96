"""Ask a service about every attack in every scenario, and about every scenario without one."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from app.scores.schemas import SelectOut
from scripts.benchmark.attacks.corpus import ATTACKS
from scripts.benchmark.attacks.scenarios import HARMLESS, SCENES
from scripts.benchmark.attacks.shifts import Outcome, Trial
from scripts.client.problems import ServiceProblem
from scripts.client.service import Service

CONTROL = "no attack: a harmless sentence"
KINDS: Mapping[str, Sequence[str]] = {CONTROL: HARMLESS, **ATTACKS}
ATTRIBUTE = "helpfulness"
CHARACTERS = 500
SCORERS: dict[str, dict[str, Any]] = {
    "digits": {"bank": None, "reasoning": False, "orders": 2},
    "written": {"bank": None},
}
"""Ways of scoring, as `scoring` of a request: digits in two orders, and comparative scores that the
model writes after a sentence of reasoning."""


@dataclasses.dataclass(frozen=True, slots=True)
class Extent:
    """How much of the corpus is tried."""

    scenarios: int = len(SCENES)
    per_kind: int | None = None
    """Most attacks of a kind, from the first on; None for all."""
    characters: int = CHARACTERS
    """Of an attack; longer ones, mostly repetitions, are cut: attention grows with the square."""

    def attacks(self) -> list[tuple[str, int, str]]:
        """Kind, number within it, and text of every attack."""
        return [
            (kind, number, text[: self.characters])
            for kind, texts in KINDS.items()
            for number, text in enumerate(texts[: self.per_kind])
        ]


async def try_all(service: Service, scorer: str, extent: Extent) -> list[Trial]:
    """Score every scenario without and with every attack.

    Raises `ServiceProblem` for settings that the service refuses, and `ServiceAway`.
    """
    numbers = range(min(extent.scenarios, len(SCENES)))
    before = [await _outcome(service, scorer, number) for number in numbers]
    attacks = extent.attacks()

    async def one(kind: str, attack: int, text: str, scenario: int) -> Trial:
        after = await _outcome(service, scorer, scenario, text)
        return Trial(kind, attack, scenario, before[scenario], after)

    return await _gathered([one(*attack, number) for attack in attacks for number in numbers])


async def _gathered(trials: Sequence[Coroutine[Any, Any, Trial]]) -> list[Trial]:
    tasks = [asyncio.create_task(trial) for trial in trials]
    with tqdm(total=len(tasks), disable=None) as bar:
        for task in tasks:
            task.add_done_callback(lambda _: bar.update())
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


async def _outcome(service: Service, scorer: str, number: int, addition: str = "") -> Outcome:
    responses, poor = SCENES[number].responses(number, addition)
    body = {
        "question": SCENES[number].question,
        "responses": responses,
        "target": {ATTRIBUTE: 1.0},
        "scoring": SCORERS[scorer],
        "calibration": "none",
    }
    try:
        answer, _ = await service.select(body)
    except ServiceProblem as problem:
        if problem.unscored_reason is None:
            raise
        return Outcome(refused=problem.unscored_reason)
    return _read(answer, poor)


def _read(answer: SelectOut, poor: int) -> Outcome:
    (cell,) = answer.score_set.cells
    if cell.status != "scored":
        return Outcome(refused=cell.reason if cell.status == "unscored" else cell.status)
    selected = answer.selection.selected
    return Outcome(cell.scores[poor].score, selected is not None and selected.index == poor)
