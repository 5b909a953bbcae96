"""Methods that choose without scoring: one request for each target, or one for all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.bank import LabelledScenario
from app.domain.scenario import CHOICE
from app.scores.schemas import CellOut, SelectOut
from scripts.benchmark.records.results import ScenarioResult
from scripts.benchmark.records.targets import Choices, Wishes, choices_of
from scripts.benchmark.running import cells
from scripts.benchmark.running.context import Asking, failed
from scripts.client.problems import ServiceProblem


@dataclass(frozen=True, slots=True)
class Chosen:
    """The answer for one target."""

    answer: SelectOut | ServiceProblem
    seconds: float = 0.0

    @property
    def index(self) -> int | None:
        """The chosen candidate."""
        if isinstance(self.answer, ServiceProblem) or self.answer.selection.selected is None:
            return None
        return self.answer.selection.selected.index

    @property
    def cells(self) -> Sequence[CellOut]:
        """The cell that holds the choice; none for a problem."""
        return () if isinstance(self.answer, ServiceProblem) else self.answer.score_set.cells


async def choose(asking: Asking, scenario: LabelledScenario) -> None:
    """Choose for every target of a scenario, and write the result."""
    wishes = asking.progress.wishes(scenario)
    chosen = await ask(asking, scenario, wishes)
    problems = [c.answer for c in chosen if isinstance(c.answer, ServiceProblem)]
    # A target without a valid answer has no selection. Any other problem, or no valid answer at
    # all, fails the scenario, which is then tried again.
    fatal = [problem for problem in problems if problem.unscored_reason is None]
    if fatal or (problems and len(problems) == len(chosen)):
        asking.progress.finish(failed(scenario, (fatal or problems)[0]))
        return
    seen = cells.all_cells(c.cells for c in chosen)
    choices = for_each_target(asking, wishes, [c.index for c in chosen])
    asking.progress.finish(
        ScenarioResult(
            id=scenario.id,
            labels=scenario.labels,
            unscored={CHOICE: problems[0].unscored_reason or ""} if problems else {},
            selected=wishes.spread(choices),
            seconds=round(sum(c.seconds for c in chosen), 3),
            concurrency=asking.service.concurrency,
            usage=cells.usage(seen),
            cached=cells.any_cached(seen),
        )
    )


async def ask(
    asking: Asking, scenario: LabelledScenario, wishes: Wishes, **scoring: Any
) -> list[Chosen]:
    """One answer for each different target; a single one for methods that read no target.

    With more scoring settings than those of the run, the scorer is not checked. Raises only
    problems that every scenario would meet.
    """
    targets: Sequence[dict[str, float] | None] = wishes.unique
    if not asking.traits.reads_target:
        targets = [None]

    async def one(target: dict[str, float] | None) -> Chosen:
        try:
            answer, seconds = await asking.service.select(_body(asking, scenario, target, scoring))
        except ServiceProblem as problem:
            if problem.is_permanent:
                raise
            return Chosen(problem)
        if not scoring:
            asking.check_scorer(answer.score_set)
        return Chosen(answer, seconds)

    return await asyncio.gather(*(one(target) for target in targets))


def for_each_target(asking: Asking, wishes: Wishes, indices: list[int | None]) -> Choices:
    """Choices for each different target, from one answer for each or from a single one."""
    if not asking.traits.reads_target:
        indices = indices * len(wishes.unique)
    return choices_of(indices)


def _body(
    asking: Asking,
    scenario: LabelledScenario,
    target: dict[str, float] | None,
    scoring: dict[str, Any],
) -> dict[str, Any]:
    body = asking.body(scenario, **scoring)
    if target is None:
        del body["attributes"]
        body.pop("attribute_set", None)
        return body
    return body | {"target": target, "attributes": [asking.attributes[name] for name in target]}
