"""Runs fits in the background of an API process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from msgspec.structs import replace

from app.calibrations.background.computing import Given, fit_to_bank
from app.calibrations.background.evidence import EvidenceCollector
from app.calibrations.background.preparing import prepared
from app.calibrations.background.process import in_a_process
from app.calibrations.background.progress import Fit, keep_reporting, patiently
from app.calibrations.fitting.learners import PRELOAD
from app.calibrations.fitting.rows import UnfitBank
from app.calibrations.schemas import CalibrationRequest
from app.domain.bank import Bank
from app.domain.calibration.info import CalibrationInfo
from app.domain.scorer import BankRef
from app.errors import AzimuthError, CalibrationRunning
from app.scoring.planner import Planner
from app.scoring.service import ScoringService
from app.store.banks import BankStore
from app.store.calibrations import INTERRUPTED, CalibrationStore

_log = logging.getLogger(__name__)

_Fitted = tuple[CalibrationInfo, bytes]
"""The description of a fitted calibration, and its artefact."""


class CalibrationFitter:
    """Fits calibrations; each name is fitted by one process at a time.

    Scores are cached as usual, so a fit that was interrupted resumes where it stopped.
    """

    def __init__(
        self,
        store: CalibrationStore,
        planner: Planner,
        scoring: ScoringService,
        banks: BankStore,
        *,
        deadline_s: float,
        lease_s: int,
    ) -> None:
        self._store = store
        self._planner = planner
        self._banks = banks
        self._evidence = EvidenceCollector(scoring, deadline_s=deadline_s)
        self._lease_s = lease_s
        """A process that does not report for this long counts as gone, its fit as interrupted."""
        self._computing = asyncio.Lock()
        """Held by the one fit that computes: each keeps a core busy for minutes."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, name: str, request: CalibrationRequest) -> None:
        """Check the request, then start fitting.

        Raises `CalibrationRunning`, `InvalidRequest`, `UnknownBank` and what planning raises.
        """
        fit = await self._prepare(name, request)
        if not await self._store.begin(name, fit.progress, ttl_s=self._lease_s):
            state = (await self._store.states()).get(name)
            detail = state.fit.detail if state and state.fit else "it has just begun"
            raise CalibrationRunning(f"{name!r} is being fitted: {detail}")
        task = asyncio.create_task(self._run(fit), name=f"calibration {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop all fits of this process; their state becomes `interrupted`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _prepare(self, name: str, request: CalibrationRequest) -> Fit:
        planned = await self._planner.scorer(request)
        bank = await self._bank(request.bank, "#/bank")
        further = {
            one: await self._bank(one, f"#/further_banks/{place}")
            for place, one in enumerate(request.further_banks)
        }
        return prepared(name, request, planned, bank, further)

    async def _bank(self, name: str, pointer: str) -> Bank:
        info = await self._banks.info(name)
        bank = await self._banks.load(info.digest) if info else None
        if bank is None:
            raise await self._banks.unknown(name, pointer)
        return bank

    async def _run(self, fit: Fit) -> None:
        """Fit while reporting. Stops fitting when the reports say that the fit was deleted."""
        reporting = asyncio.create_task(keep_reporting(self._store, fit, lease_s=self._lease_s))
        fitting = asyncio.create_task(self._fit(fit))
        try:
            await asyncio.wait((reporting, fitting), return_when=asyncio.FIRST_COMPLETED)
            if fitting.done():
                reporting.cancel()
                await self._conclude(fit, fitting)
            elif error := reporting.exception():
                _log.error("unexpected error in a calibration", exc_info=error)
        finally:
            for task in (reporting, fitting):
                task.cancel()
            await asyncio.gather(reporting, fitting, return_exceptions=True)
            if fit.progress.state in ("scoring", "fitting"):
                fit.progress = replace(fit.progress, state="interrupted", detail=INTERRUPTED)
                with contextlib.suppress(AzimuthError):
                    await self._store.end(fit.name, fit.progress)

    async def _conclude(self, fit: Fit, fitting: asyncio.Task[_Fitted]) -> None:
        """Store the result, or the reason why there is none."""
        try:
            fitted = fitting.result()
            fit.progress = replace(fit.progress, state="done", detail="fitted")
            await patiently(lambda: self._store.finish(*fitted, fit.progress))
            return
        except (AzimuthError, UnfitBank) as error:
            detail = error.detail if isinstance(error, AzimuthError) else str(error)
            _log.warning("calibration failed: %s", detail, extra={"calibration": fit.name})
        except Exception:
            _log.exception("unexpected error in a calibration", extra={"calibration": fit.name})
            detail = "an unexpected error; see the log"
        fit.progress = replace(fit.progress, state="failed", detail=detail)
        with contextlib.suppress(AzimuthError):
            await patiently(lambda: self._store.end(fit.name, fit.progress))

    async def _fit(self, fit: Fit) -> _Fitted:
        scored = await self._evidence.collect(fit)
        fit.progress = replace(fit.progress, state="fitting", detail="waiting for another fit")
        async with self._computing:
            fit.progress = replace(fit.progress, detail="fitting")
            return await _compute(fit, scored)


async def _compute(fit: Fit, scored: Mapping[str, Given]) -> _Fitted:
    scorers = [judge.scorer for judge in fit.planned.judges]
    calibration, artefact = await in_a_process(
        fit_to_bank,
        scored,
        fit.labelled,
        scorers,
        fit.planned.attributes,
        fit.banks,
        preload=PRELOAD,
    )
    info = CalibrationInfo(
        name=fit.name,
        digest=calibration.digest,
        fingerprint=calibration.scorer,
        scorer=scorers[0],
        others=tuple(scorers[1:]),
        fields=calibration.fields,
        bank=BankRef(fit.request.bank, fit.bank.digest),
        further_banks=tuple(BankRef(name, bank.digest) for name, bank in fit.further.items()),
        scenarios=len(scored),
        left_out=dict(fit.left_out),
        reports=calibration.reports,
        created_ms=int(time.time() * 1000),
        labelled=len(fit.labelled),
        automatic=fit.request.automatic,
    )
    return info, artefact
