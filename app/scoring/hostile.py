"""Looks for candidates that look like attacks, without keeping other requests waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.hostile.marks import in_order, pieces_of, reasons_in
from app.domain.hostile.rules import Reason
from app.domain.scenario import Candidate
from app.telemetry.metrics import HOSTILE


@dataclass(frozen=True, slots=True)
class Flagged:
    """A candidate that looks like an attack."""

    index: int
    """In the request."""
    id: str
    reasons: tuple[Reason, ...]


async def flag_hostile(candidates: Sequence[Candidate]) -> list[Flagged]:
    """The candidates that look like attacks; counts them by reason."""
    flagged: list[Flagged] = []
    for index, candidate in enumerate(candidates):
        if reasons := in_order(await _reasons_of(candidate.text)):
            flagged.append(Flagged(index, candidate.id, reasons))
            for reason in reasons:
                HOSTILE.labels(reason).inc()
    return flagged


async def _reasons_of(text: str) -> set[Reason]:
    found: set[Reason] = set()
    for number, piece in enumerate(pieces_of(text)):
        if number:
            await asyncio.sleep(0)  # megabytes take seconds: others go first
        found |= reasons_in(piece)
    return found
