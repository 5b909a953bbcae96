"""Fitting in the background: score a labelled bank through the queue, fit, store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from app.calibrations.fitting import LEAST_SCENARIOS, LabelledEvidence, UnfitBank, fit, labels_of
from app.calibrations.process import in_a_process
from app.calibrations.schemas import CalibrationRequest
from app.domain.bank import Bank, LabelledScenario
from app.domain.calibration.artefact import to_bytes, with_digest
from app.domain.calibration.model import Calibration, Evidence, evidence_of
from app.domain.fingerprint import attribute_field, scorer_fingerprint
from app.domain.methods import METHODS
from app.domain.plan import ScorePlan, plan_scores
from app.domain.scenario import MAX_CANDIDATES, Attribute, Candidate
from app.domain.scorer import BankRef, Scorer
from app.errors import (
    AzimuthError,
    CalibrationRunning,
    FieldError,
    InvalidRequest,
    QueueFull,
    Unavailable,
    within,
)
from app.scoring.planning import PlannedRequest, PlannedScorer, Planner
from app.scoring.service import Patience, ScoreOutcome, ScoringService
from app.store.banks import BankStore
from app.store.calibrations import (
    INTERRUPTED,
    CalibrationInfo,
    CalibrationStore,
    FitProgress,
)

_log = logging.getLogger(__name__)
_AT_ONCE = 16
"""Scenarios in flight for one fit: enough to keep a worker busy, few enough to leave it to others
as well."""
_SILENT_S = 10
"""A process silent for this long is gone, and its fit interrupted."""
_BEAT_S = 1.0
_PATIENCE_S = 600.0
"""How long a fit waits for a store or a worker that is away before it gives up."""

_Fitted = tuple[CalibrationInfo, bytes]
"""What is stored of a calibration: what it is, and its artefact."""


@dataclass(slots=True)
class _Fit:
    """One fit under way."""

    name: str
    request: CalibrationRequest
    planned: PlannedScorer
    bank: Bank
    labelled: Sequence[LabelledScenario]
    """All scenarios with labels, in the bank's order."""
    scenarios: Sequence[LabelledScenario]
    """Those of them that are to be scored."""
    progress: FitProgress
    left_out: Counter[str]

    def settled(self) -> None:
        """One more scenario is scored, or never will be."""
        done = self.progress.done + 1
        total = self.progress.total
        self.progress = replace(
            self.progress,
            done=done,
            left_out=dict(self.left_out),
            detail=f"{done} of {total} scenarios are scored",
        )


class CalibrationFitter:
    """Fits calibrations, each in one process at a time. What was scored is cached like any score,
    so a fit that was interrupted goes on where it stopped."""

    def __init__(
        self,
        store: CalibrationStore,
        planner: Planner,
        scoring: ScoringService,
        banks: BankStore,
        *,
        deadline_s: float,
    ) -> None:
        self._store = store
        self._planner = planner
        self._scoring = scoring
        self._banks = banks
        self._deadline_s = deadline_s
        self._arithmetic = asyncio.Lock()
        """One fit at a time computes: each keeps a core busy for minutes."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, name: str, request: CalibrationRequest) -> None:
        """Check everything that can be checked, and begin.

        Raises `CalibrationRunning`, `InvalidRequest`, `UnknownBank` and what planning raises.
        """
        try:
            planned = await self._planner.scorer(request.scorer)
        except AzimuthError as error:
            raise within(error, "scorer") from None
        if METHODS[request.scorer.method].kind != "score":
            says = f"method {request.scorer.method!r} gives no scores that could be calibrated"
            raise InvalidRequest(says, fields=[FieldError("#/scorer/method", says)])
        info = await self._banks.info(request.bank)
        bank = await self._banks.load(info.digest) if info else None
        if bank is None:
            raise await self._banks.unknown(request.bank, "#/bank")
        labelled = _labelled(bank, [a.name for a in planned.attributes], request)
        scenarios = _drawn(labelled, request)
        _check_enough(scenarios, [a.name for a in planned.attributes], request)
        started = FitProgress(
            state="scoring",
            detail=f"0 of {len(scenarios)} scenarios are scored",
            total=len(scenarios),
            warnings=planned.warnings,
            started_ms=int(time.time() * 1000),
            owner=uuid.uuid4().hex,
        )
        if not await self._store.begin(name, started, ttl_s=_SILENT_S):
            state = (await self._store.states()).get(name)
            detail = state.fit.detail if state and state.fit else "just begun"
            raise CalibrationRunning(f"{name!r} is being fitted: {detail}")
        work = _Fit(name, request, planned, bank, labelled, scenarios, started, Counter())
        task = asyncio.create_task(self._see_through(work), name=f"calibration {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop what is under way. Its progress is kept: `interrupted`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _see_through(self, work: _Fit) -> None:
        beating = asyncio.create_task(self._beat(work))
        fitting = asyncio.create_task(self._fit(work))
        try:
            await asyncio.wait((beating, fitting), return_when=asyncio.FIRST_COMPLETED)
            if fitting.done():
                beating.cancel()
                await self._conclude(work, fitting)
            elif error := beating.exception():
                _log.error("unforeseen error in a calibration", exc_info=error)
        finally:
            for task in (beating, fitting):
                task.cancel()
            await asyncio.gather(beating, fitting, return_exceptions=True)
            if work.progress.state in ("scoring", "fitting"):
                work.progress = replace(work.progress, state="interrupted", detail=INTERRUPTED)
                with contextlib.suppress(AzimuthError):
                    await self._store.end(work.name, work.progress)

    async def _conclude(self, work: _Fit, fitting: asyncio.Task[_Fitted]) -> None:
        """Store what was fitted, or tell why nothing was."""
        try:
            fitted = fitting.result()
            work.progress = replace(work.progress, state="done", detail="fitted")
            await _patiently(lambda: self._store.finish(*fitted, work.progress))
            return
        except (AzimuthError, UnfitBank) as error:
            detail = error.detail if isinstance(error, AzimuthError) else str(error)
            _log.warning("calibration failed: %s", detail, extra={"calibration": work.name})
        except Exception:
            _log.exception("unforeseen error in a calibration", extra={"calibration": work.name})
            detail = "an unforeseen error; the log has it"
        work.progress = replace(work.progress, state="failed", detail=detail)
        with contextlib.suppress(AzimuthError):
            await _patiently(lambda: self._store.end(work.name, work.progress))

    async def _beat(self, work: _Fit) -> None:
        """Tell the progress now and then; ends when the fit was deleted or is somebody else's."""
        lost_at: float | None = None
        while True:
            await asyncio.sleep(_BEAT_S)
            try:
                if not await self._store.update(work.name, work.progress, ttl_s=_SILENT_S):
                    return
                lost_at = None
            except Unavailable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > _PATIENCE_S:
                    return

    async def _fit(self, work: _Fit) -> _Fitted:
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(scenario: LabelledScenario) -> LabelledEvidence | None:
            async with room:
                evidence = await self._evidence(work, scenario)
                work.settled()
                return evidence

        tasks = [asyncio.create_task(one(scenario)) for scenario in work.scenarios]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        judged = {
            scenario.id: one
            for scenario, one in zip(work.scenarios, found, strict=True)
            if one is not None
        }
        work.progress = replace(work.progress, state="fitting", detail="waits for another fit")
        scorer = work.planned.scorer
        async with self._arithmetic:
            work.progress = replace(work.progress, detail="fitting")
            calibration, artefact = await in_a_process(
                fit_for, judged, work.labelled, scorer, work.planned.attributes
            )
        info = CalibrationInfo(
            name=work.name,
            digest=calibration.digest,
            fingerprint=calibration.scorer,
            scorer=scorer,
            fields=calibration.fields,
            bank=BankRef(work.request.bank, work.bank.digest),
            scenarios=len(judged),
            left_out=dict(work.left_out),
            reports=calibration.reports,
            created_ms=int(time.time() * 1000),
            labelled=len(work.labelled),
        )
        return info, artefact

    async def _evidence(self, work: _Fit, scenario: LabelledScenario) -> LabelledEvidence | None:
        """What the scorer makes of one scenario, beside its labels; None when it is of no use."""
        if len(set(scenario.responses)) > MAX_CANDIDATES:
            work.left_out["too-many-responses"] += 1
            return None
        wanted = [
            attribute
            for attribute in work.planned.attributes
            if any(attribute.name in labels for labels in scenario.labels)
        ]
        plan = _plan(scenario, wanted, work.planned.scorer)
        try:
            outcome = await self._score(
                PlannedRequest(plan, work.planned.pool, live=True, warnings=())
            )
        except Unavailable:
            raise
        except AzimuthError as error:  # this scenario is not to be had: the others may be
            work.left_out[error.slug] += 1
            return None
        for unscored in outcome.unscored.values():
            work.left_out[unscored.reason] += 1
        if not outcome.cells:
            return None
        fields = [attribute_field(attribute) for attribute in work.planned.attributes]
        settings = work.planned.scorer.settings
        evidence = evidence_of(outcome.cells, plan.surface.values, fields, settings)
        return _beside_labels(evidence, scenario, plan, work.planned.attributes)

    async def _score(self, planned: PlannedRequest) -> ScoreOutcome:
        """Score one scenario, waiting for whatever is away or full."""
        # Asked again well before the deadline, which moves it: a queue may be days long.
        patience = Patience(wait_s=self._deadline_s / 2, deadline_s=self._deadline_s)
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                outcome = await self._scoring.score(
                    planned, patience, f"calibration-{uuid.uuid4()}"
                )
            except (QueueFull, Unavailable) as error:
                if not isinstance(error, Unavailable):
                    end = time.monotonic() + _PATIENCE_S  # it is there, and has much to do
                elif time.monotonic() > end:
                    raise
                await asyncio.sleep(random.uniform(0.5, 1.0) * error.retry_after_s)
            else:
                if not outcome.pending:
                    return outcome
                # This process is about to end: to go on without these cells would be another fit.
                await asyncio.sleep(1.0)


def fit_for(
    judged: Mapping[str, LabelledEvidence],
    labelled: Sequence[LabelledScenario],
    scorer: Scorer,
    attributes: Sequence[Attribute],
) -> tuple[Calibration, bytes]:
    """Fit, and name the result by its content; beside it, its bytes. Raises `UnfitBank`.

    `judged` holds what the scorer made of scenarios, by their ids. The other labelled ones tell
    what surface features are worth.
    """
    numbers = max((one.evidence.judge.shape[2] for one in judged.values()), default=1)

    def silent(scenario: LabelledScenario) -> LabelledEvidence:
        plan = _plan(scenario, attributes, scorer)
        surface = np.array(plan.surface.values)
        judge = np.full((len(surface), len(attributes), numbers), np.nan)
        return _beside_labels(Evidence(surface, judge), scenario, plan, attributes)

    evidence = [judged.get(one.id) or silent(one) for one in labelled]
    fields = [attribute_field(attribute) for attribute in attributes]
    calibration = with_digest(fit(evidence, scorer=scorer_fingerprint(scorer), fields=fields))
    return calibration, to_bytes(calibration)


def _plan(scenario: LabelledScenario, attributes: Sequence[Attribute], scorer: Scorer) -> ScorePlan:
    candidates = [Candidate(str(i), text) for i, text in enumerate(scenario.responses)]
    return plan_scores(scenario.question, candidates, attributes, scorer)


def _beside_labels(
    evidence: Evidence,
    scenario: LabelledScenario,
    plan: ScorePlan,
    attributes: Sequence[Attribute],
) -> LabelledEvidence:
    """The evidence and the labels of a scenario, both in the order of its presentation."""
    names = [attribute.name for attribute in attributes]
    labels = labels_of(scenario, plan.presentation.positions, names)
    return LabelledEvidence(scenario.question, evidence, labels)


async def _patiently(tell: Callable[[], Awaitable[bool]]) -> None:
    """Tell the store, waiting for it. Raises `Unavailable` when it stays away."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            await tell()
            return
        except Unavailable:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(_BEAT_S)


def _labelled(
    bank: Bank, attributes: Sequence[str], request: CalibrationRequest
) -> list[LabelledScenario]:
    """The scenarios with labels, in the bank's order. Raises `InvalidRequest`."""
    labelled = [
        scenario
        for scenario in bank.scenarios
        if any(name in labels for labels in scenario.labels for name in attributes)
    ]
    covered = {name for s in labelled for labels in s.labels for name in labels}
    missing = [name for name in attributes if name not in covered]
    if missing:
        says = f"bank {request.bank!r} has no labels for {', '.join(map(repr, missing))}"
        raise InvalidRequest(
            f"{says}; name the others in scorer.attributes", fields=[FieldError("#/bank", says)]
        )
    return labelled


def _check_enough(
    scenarios: Sequence[LabelledScenario], attributes: Sequence[str], request: CalibrationRequest
) -> None:
    """Raise `InvalidRequest` where even the best of judges would leave too little to fit on."""
    for name in attributes:
        found = sum(any(name in labels for labels in s.labels) for s in scenarios)
        if found < LEAST_SCENARIOS:
            some = "" if request.scenarios is None else f" of the {len(scenarios)} drawn"
            says = (
                f"{found}{some} scenarios of bank {request.bank!r} are labelled on {name!r}; a "
                f"calibration needs {LEAST_SCENARIOS}"
            )
            raise InvalidRequest(says, fields=[FieldError("#/bank", says)])


def _drawn(
    labelled: Sequence[LabelledScenario], request: CalibrationRequest
) -> Sequence[LabelledScenario]:
    """Those to score, in the same order."""
    if request.scenarios is None or request.scenarios >= len(labelled):
        return labelled
    drawn = random.Random(request.sample_seed).sample(range(len(labelled)), request.scenarios)
    return [labelled[index] for index in sorted(drawn)]
