"""One fit under way: its scenarios, its progress, and its reports to the store."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from app.calibrations.schemas import CalibrationRequest
from app.domain.bank import Bank, LabelledScenario
from app.errors import Unavailable
from app.scoring.planned import Judge, PlannedScorer
from app.store.calibrations import CalibrationStore, FitProgress

_REPORTS = 10
"""Reports within the time after which a silent fit counts as interrupted."""
_RETRY_S = 1.0
PATIENCE_S = 600.0
"""How long a fit waits for a store or a worker that is unavailable before it fails."""


@dataclass(slots=True)
class Fit:
    """One fit under way."""

    name: str
    request: CalibrationRequest
    planned: PlannedScorer
    bank: Bank
    labelled: Sequence[LabelledScenario]
    """All scenarios with labels, in the bank's order."""
    scenarios: Sequence[LabelledScenario]
    """Those of them that are to be scored."""
    further: Mapping[str, Bank]
    """Further banks by their names; `labelled` and `scenarios` include theirs."""
    banks: Mapping[str, str]
    """The name of the bank of each labelled scenario, by its id."""
    progress: FitProgress = field(init=False)
    left_out: Counter[str] = field(default_factory=Counter)
    """Why scenarios or cells are not used -> how many."""

    def __post_init__(self) -> None:
        self.progress = FitProgress(
            state="scoring",
            detail=_scored(0, len(self.scenarios)),
            total=len(self.scenarios),
            warnings=self.planned.warnings,
            started_ms=int(time.time() * 1000),
            owner=uuid.uuid4().hex,
        )

    def leave_out(self, reason: str, judge: Judge) -> None:
        """Count a scenario or a cell that is not used; of a committee, with the judge's name."""
        several = len(self.planned.judges) > 1
        self.left_out[f"{reason} ({judge.scorer.model.name})" if several else reason] += 1

    def count(self) -> None:
        """Count one more scenario as scored, or as one that cannot be."""
        done = self.progress.done + 1
        self.progress = replace(
            self.progress,
            done=done,
            left_out=dict(self.left_out),
            detail=_scored(done, self.progress.total),
        )


def _scored(done: int, total: int) -> str:
    return f"{done} of {total} scenarios are scored"


async def keep_reporting(store: CalibrationStore, fit: Fit, *, lease_s: int) -> None:
    """Report the progress regularly. Returns when the fit was deleted or another has begun.

    A fit that does not report for `lease_s` seconds counts as interrupted.
    """
    lost_at: float | None = None
    while True:
        await asyncio.sleep(lease_s / _REPORTS)
        try:
            if not await store.update(fit.name, fit.progress, ttl_s=lease_s):
                return
            lost_at = None
        except Unavailable:
            lost_at = lost_at or time.monotonic()
            if time.monotonic() - lost_at > PATIENCE_S:
                return


async def patiently(call: Callable[[], Awaitable[bool]]) -> None:
    """Call the store, waiting while it is unavailable. Raises `Unavailable` in the end."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            await call()
            return
        except Unavailable:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(_RETRY_S)
