"""Scoring a fit's scenarios, which gives the evidence that it learns from."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Sequence

from app.calibrations.background.computing import Given, plan_of, with_labels
from app.calibrations.background.progress import PATIENCE_S, Fit
from app.calibrations.background.sampling import has_label
from app.calibrations.fitting.rows import LabelledEvidence
from app.domain.bank import LabelledScenario
from app.domain.calibration.evidence import evidence_in
from app.domain.fingerprint import attribute_field
from app.domain.methods import METHODS
from app.domain.score_set import ScoreSet
from app.errors import AzimuthError, QueueFull, Unavailable
from app.scoring.planned import Judge, PlannedJudge
from app.scoring.service import Patience, ScoringService
from app.store.tenancy import tenant_tag

_AT_ONCE = 16
"""Scenarios in flight for one fit: enough to keep a worker busy, few enough to leave room for
others."""


class EvidenceCollector:
    """Scores labelled scenarios. Scores are cached, so a fit that was interrupted can resume."""

    def __init__(self, scoring: ScoringService, *, deadline_s: float) -> None:
        self._scoring = scoring
        self._deadline_s = deadline_s

    async def collect(self, fit: Fit) -> dict[str, Given]:
        """Evidence for the scenarios of a fit, by their ids; those that give none are counted."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(scenario: LabelledScenario) -> Given:
            async with room:
                judges = fit.planned.judges
                given = await asyncio.gather(
                    *(self._evidence(fit, judge, scenario) for judge in judges)
                )
                fit.count()
                return given

        tasks = [asyncio.create_task(one(scenario)) for scenario in fit.scenarios]
        try:
            collected: Sequence[Given] = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return {
            scenario.id: given
            for scenario, given in zip(fit.scenarios, collected, strict=True)
            if any(given)
        }

    async def _evidence(
        self, fit: Fit, judge: Judge, scenario: LabelledScenario
    ) -> LabelledEvidence | None:
        settings = judge.scorer.settings
        if len(set(scenario.responses)) > METHODS[settings.method].most_candidates:
            fit.leave_out("too-many-responses", judge)
            return None
        attributes = fit.planned.attributes
        labelled = [attribute for attribute in attributes if has_label(scenario, attribute.name)]
        plan = plan_of(scenario, labelled, judge.scorer, tenant_tag())
        try:
            score_set = await self.score(PlannedJudge(plan, judge.pool, live=True))
        except Unavailable:
            raise
        except AzimuthError as error:  # of this scenario only
            fit.leave_out(error.slug, judge)
            return None
        for unscored in score_set.unscored.values():
            fit.leave_out(unscored.reason, judge)
        evidence = evidence_in(score_set, [attribute_field(one) for one in attributes])
        return with_labels(evidence, scenario, plan, attributes) if evidence else None

    async def score(self, planned: PlannedJudge) -> ScoreSet:
        """Score one scenario; wait while the queue is full, or a worker or the store unavailable.

        Raises `Unavailable` when they stay away.
        """
        # Each round asks again long before the deadline, and so moves it: a queue may take days.
        patience = Patience(wait_s=self._deadline_s / 2, deadline_s=self._deadline_s)
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                score_set = await self._scoring.score(
                    planned, patience, f"calibration-{uuid.uuid4()}"
                )
            except (QueueFull, Unavailable) as error:
                if not isinstance(error, Unavailable):
                    end = time.monotonic() + PATIENCE_S  # available, but busy
                elif time.monotonic() > end:
                    raise
                await asyncio.sleep(random.uniform(0.5, 1.0) * error.retry_after_s)
            else:
                if not score_set.pending:
                    return score_set
                # This process is about to end. Going on without these cells would fit another
                # calibration.
                await asyncio.sleep(1.0)
