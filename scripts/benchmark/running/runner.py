"""A run over its scenarios: what is missing, by which kind of method, in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.bank import LabelledScenario
from app.domain.calibration.model import Calibration
from app.domain.methods import METHODS
from scripts.benchmark.records.journal import Journal
from scripts.benchmark.records.results import Run, ScenarioResult
from scripts.benchmark.running import local
from scripts.benchmark.running.choosing import choose
from scripts.benchmark.running.context import Asking, Progress, together
from scripts.benchmark.running.options import LOCAL
from scripts.benchmark.running.order_check import check_order
from scripts.benchmark.running.scoring import ScoreRun
from scripts.client.service import Service

CHANCES_FOR = 200
"""Most targets of a set whose probabilities are asked for."""


@dataclass(slots=True)
class Evaluation:
    """One run over its scenarios."""

    journal: Journal
    scenarios: Sequence[LabelledScenario]
    service: Service | None
    """None for the methods of the benchmark itself."""
    attributes: Mapping[str, str | dict[str, Any]]
    """Attribute -> how requests give it: its name in the set, or its whole definition."""
    request: Mapping[str, Any]
    """Members that all requests share: `scoring`, `attribute_set`, `calibration`."""
    progress: Callable[[ScenarioResult], None]
    """Called for each finished scenario, and once more after its order check."""
    features: Calibration | None = None
    """For the method `features`: fitted on the bank file."""
    chances: bool = False
    """Whether to ask how likely each selection is, for target sets of at most `CHANCES_FOR`
    targets. A run that was started with probabilities continues with them: those of a part of the
    scenarios would mislead."""
    warn: Callable[[str], None] = lambda _: None
    """Called once for each different warning of the service."""

    async def run(self) -> None:
        """Ask for everything that is missing. Scenarios that failed before are tried again.

        Raises `ServiceProblem` for settings that the service does not know, `ServiceAway` and
        `OtherRun`.
        """
        run, progress = self.journal.run, Progress(self.journal, self.progress)
        chance_sets = self._chance_sets()
        missing = [s for s in self.scenarios if not self._is_complete(s, bool(chance_sets))]
        if run.method in LOCAL:
            for scenario in missing:
                wishes = progress.wishes(scenario)
                progress.finish(local.answer(run, scenario, wishes, self.features))
            return
        assert self.service is not None, "methods of the service need one"
        asking = Asking(progress, self.service, self.attributes, self.request, self.warn)
        if asking.traits.kind == "choice":
            await together(choose(asking, scenario) for scenario in missing)
        else:
            await ScoreRun(asking, chance_sets).run(missing)
        if asking.traits.compares and self.request["calibration"] == "none":
            await together(check_order(asking, scenario) for scenario in self._unchecked())

    def _chance_sets(self) -> list[str]:
        """Names of the target sets whose probabilities are asked for."""
        if self.chances or any(known.chances for known in self.journal.done.values()):
            return small_target_sets(self.journal.run)
        return []

    def _is_complete(self, scenario: LabelledScenario, with_chances: bool) -> bool:
        known = self.journal.done.get(scenario.id)
        if known is None or known.problem is not None or not known.selected:
            return False
        return bool(known.chances) or not with_chances

    def _unchecked(self) -> list[LabelledScenario]:
        """Scenarios that are answered and still lack their order check."""
        done = self.journal.done
        return [
            scenario
            for scenario in self.scenarios[: self.journal.run.order_check]
            if not done[scenario.id].reversed and done[scenario.id].problem is None
        ]


def small_target_sets(run: Run) -> list[str]:
    """Names of the target sets of at most `CHANCES_FOR` targets; none if the method chooses."""
    if run.method not in METHODS or METHODS[run.method].kind != "score":
        return []
    return [targets.name for targets in run.target_sets if len(targets) <= CHANCES_FOR]
