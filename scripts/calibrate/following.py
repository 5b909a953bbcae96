"""Start a fit and follow it; start it again if the service was restarted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from app.calibrations.schemas import CalibrationOut
from scripts.client.problems import ServiceProblem
from scripts.client.service import Body, Service

_POLL_S = 1.0
_MOST_STARTS = 3
"""Starts of a fit without one more scenario scored: more would not help."""


class FitFailed(Exception):
    """The service could not fit the calibration."""


async def start(service: Service, name: str, body: Body) -> CalibrationOut:
    """Start a fit, or find the one of this name that is running."""
    try:
        return await service.fit(name, body)
    except ServiceProblem as problem:
        if problem.slug != "calibration-running":
            raise
    print(f"note: {name} is already being fitted; following that fit", file=sys.stderr)
    return await service.calibration(name)


async def follow(
    service: Service,
    name: str,
    body: Body,
    seen: Callable[[CalibrationOut], None] = lambda _: None,
    restarted: Callable[[], None] = lambda: None,
) -> CalibrationOut:
    """The calibration once it is ready. `seen` gets each state, `restarted` is for a new start.

    Raises `FitFailed`, `ServiceProblem` and `ServiceAway`.
    """
    starts, furthest = 1, -1
    while True:
        current = await service.calibration(name)
        seen(current)
        if current.state == "ready":
            return current
        if current.state == "failed":
            raise FitFailed(f"{name} could not be fitted: {current.detail}")
        if current.state == "interrupted":
            starts = 1 if current.done > furthest else starts + 1
            furthest = max(furthest, current.done)
            if starts > _MOST_STARTS:
                raise FitFailed(f"{name} was started {starts} times: {current.detail}")
            restarted()
            await start(service, name, body)
        await asyncio.sleep(_POLL_S)
