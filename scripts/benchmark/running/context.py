"""What the parts of a run share: its journal, the service, and the requests about a scenario."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.bank import LabelledScenario
from app.domain.methods import METHODS, MethodTraits
from app.scores.schemas import ScoreSetOut
from app.selection.schemas import CalibrationRefOut
from scripts.benchmark.records.choices import LETTERS
from scripts.benchmark.records.journal import Journal
from scripts.benchmark.records.results import ScenarioResult
from scripts.benchmark.records.scenario_files import labelled_attributes
from scripts.benchmark.records.targets import Wishes, wishes_for
from scripts.client.answers import scorer_record
from scripts.client.problems import ServiceProblem
from scripts.client.service import Service


@dataclass(slots=True)
class Progress:
    """The journal of a run, and whoever watches it."""

    journal: Journal
    on_result: Callable[[ScenarioResult], None]
    """Called for each finished scenario, and once more after its order check."""
    _wishes: dict[tuple[str, ...], Wishes] = field(default_factory=dict)

    def wishes(self, scenario: LabelledScenario) -> Wishes:
        """The targets of the run, restricted to the attributes that a scenario labels."""
        attributes = tuple(labelled_attributes(scenario))
        if attributes not in self._wishes:
            self._wishes[attributes] = wishes_for(attributes, self.journal.run.target_sets)
        return self._wishes[attributes]

    def finish(self, result: ScenarioResult) -> None:
        """Write a result to the journal and report it."""
        self.journal.add(result)
        self.on_result(result)


@dataclass(slots=True)
class Asking:
    """Requests of a run, and what their answers say about the whole run."""

    progress: Progress
    service: Service
    attributes: Mapping[str, str | dict[str, Any]]
    """Attribute -> how requests give it: its name in the set, or its whole definition."""
    request: Mapping[str, Any]
    """Members that all requests share: `scoring`, `attribute_set`, `calibration`."""
    warn: Callable[[str], None]
    """Called once for each different warning of the service."""
    _warned: set[str] = field(default_factory=set)

    @property
    def journal(self) -> Journal:
        """The journal of the run."""
        return self.progress.journal

    @property
    def traits(self) -> MethodTraits:
        """What the method of the run does."""
        return METHODS[self.journal.run.method]

    @property
    def samples(self) -> int:
        """Samples that each request asks for."""
        return int(self.request.get("scoring", {}).get("samples", 1))

    def body(self, scenario: LabelledScenario, **scoring: Any) -> dict[str, Any]:
        """A request to score all labelled attributes of a scenario."""
        return {
            **self.request,
            "scoring": {**self.request.get("scoring", {}), **scoring},
            "question": scenario.question,
            "responses": [
                {"id": LETTERS[i], "text": text} for i, text in enumerate(scenario.responses)
            ],
            "attributes": [self.attributes[name] for name in labelled_attributes(scenario)],
        }

    def check_scorer(self, score_set: ScoreSetOut) -> None:
        """Check that scorer and calibration are those of the run, and pass warnings on.

        Raises `OtherRun`.
        """
        self.journal.know_scorer(scorer_record(score_set.scorer))
        # Without scores there is nothing to calibrate, so an absent calibration means nothing.
        if any(cell.status == "scored" for cell in score_set.cells):
            self.check_calibration(score_set.calibration)
        for warning in score_set.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self.warn(warning)

    def check_calibration(self, calibration: CalibrationRefOut | None) -> None:
        """Check that the calibration of an answer is the run's. Raises `OtherRun`."""
        self.journal.know_calibration(calibration.model_dump() if calibration else None)


def failed(scenario: LabelledScenario, problem: ServiceProblem) -> ScenarioResult:
    """The result of a scenario that the service could not answer."""
    return ScenarioResult(
        id=scenario.id,
        labels=scenario.labels,
        unscored={one.attribute: one.reason for one in problem.problem.unscored or ()},
        problem=str(problem),
    )


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all at once; the first error cancels the others and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
