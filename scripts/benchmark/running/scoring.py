"""Methods that score: each scenario is scored once, then all targets go through `/retarget`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from app.domain.bank import LabelledScenario
from app.scores.schemas import ScoreSetOut
from scripts.benchmark.records.results import ScenarioResult
from scripts.benchmark.records.targets import Choices, Wishes
from scripts.benchmark.running import cells
from scripts.benchmark.running.context import Asking, failed, together
from scripts.benchmark.running.retargeting import Chances, Forgotten, Retargeting
from scripts.client.problems import ServiceProblem

_BLOCK = 256
"""Scenarios whose targets are answered together."""


@dataclass(frozen=True, slots=True)
class ScoreRun:
    """Scores scenarios, and selects for their targets."""

    asking: Asking
    chance_sets: Sequence[str]
    """Target sets whose probabilities are asked for."""

    async def run(self, scenarios: Sequence[LabelledScenario]) -> None:
        """Score and select what the journal lacks."""
        scored: list[LabelledScenario] = []
        lock = asyncio.Lock()

        async def one(scenario: LabelledScenario) -> None:
            known = self.asking.journal.done.get(scenario.id)
            if known is None or known.problem is not None:
                known = await self._score(scenario)
                self.asking.progress.finish(known)
                if known.problem is not None:
                    return
            async with lock:
                scored.append(scenario)
                if len(scored) >= _BLOCK:
                    await self._select(scored)
                    scored.clear()

        await together(one(scenario) for scenario in scenarios)
        await self._select(scored)

    async def _score(self, scenario: LabelledScenario) -> ScenarioResult:
        try:
            answer, seconds = await self.asking.service.score(self.asking.body(scenario))
        except ServiceProblem as problem:
            if problem.is_permanent:
                raise
            return failed(scenario, problem)
        self.asking.check_scorer(answer)
        return self._result(scenario, answer, seconds)

    def _result(
        self, scenario: LabelledScenario, answer: ScoreSetOut, seconds: float
    ) -> ScenarioResult:
        raw = cells.raw_scores(answer.cells)
        calibrated = answer.calibration is not None
        return ScenarioResult(
            id=scenario.id,
            labels=scenario.labels,
            scores=cells.calibrated_scores(answer.cells) if calibrated else raw,
            raw=raw if calibrated else {},
            spreads=cells.spreads(answer.cells),
            unscored=cells.reasons(answer.cells),
            seconds=round(seconds, 3),
            concurrency=self.asking.service.concurrency,
            usage=cells.usage(answer.cells),
            cached=cells.any_cached(answer.cells),
            score_set=answer.id,
        )

    async def _select(self, scenarios: Sequence[LabelledScenario]) -> None:
        """Select for the targets of scored scenarios, those with the same attributes together."""
        groups: dict[tuple[str, ...], list[LabelledScenario]] = {}
        for scenario in scenarios:
            wishes = self.asking.progress.wishes(scenario)
            groups.setdefault(wishes.attributes, []).append(scenario)
        journal = self.asking.journal
        for group in groups.values():
            wishes = self.asking.progress.wishes(group[0])
            for scenario_id, (choices, chances) in (await self._selections(group, wishes)).items():
                journal.add(
                    msgspec.structs.replace(
                        journal.done[scenario_id], selected=wishes.spread(choices), chances=chances
                    )
                )

    async def _selections(
        self, group: Sequence[LabelledScenario], wishes: Wishes
    ) -> dict[str, tuple[Choices, Chances]]:
        """Scenario -> its choices and their probabilities, for scenarios with the same wishes.

        Scenarios that the cache has lost are scored again; those that fail then are missing.
        """
        done, retargeting = self.asking.journal.done, Retargeting(self.asking)
        while True:
            known = [s for s in group if done[s.id].problem is None]
            ids = [done[scenario.id].score_set for scenario in known]
            try:
                choices = await retargeting.choices(ids, wishes.unique) if ids else []
                chances: list[Chances] = [{} for _ in ids]
                if self.chance_sets:
                    chances = await retargeting.chances(ids, wishes, self.chance_sets)
            except Forgotten as forgotten:
                lost = [s for s in known if done[s.id].score_set in forgotten.ids]
                await together(self._score_again(scenario) for scenario in lost)
                continue
            each = zip(known, choices, chances, strict=True)
            return {scenario.id: (chosen, likely) for scenario, chosen, likely in each}

    async def _score_again(self, scenario: LabelledScenario) -> None:
        result = await self._score(scenario)
        if result.problem is None:
            self.asking.journal.add(result)  # it was reported when it was first scored
        else:
            self.asking.progress.finish(result)
