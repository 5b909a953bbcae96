"""Fit a calibration: start the fit, follow it, restart it if the service was restarted."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from app.calibrations.schemas import CalibrationOut
from app.domain.bank_files.reading import AS_THEY_ARE, Options
from app.domain.calibration.artefact import with_description
from app.store.builtin_calibrations import imported
from scripts.benchmark.records.scenario_files import UnusableData
from scripts.calibrate.report import report
from scripts.client.connection import api_key_of_environment
from scripts.client.problems import ServiceProblem
from scripts.client.service import Body, Service
from scripts.scorer_options import (
    DEFAULT_URL,
    SERVICE_DEFAULTS,
    ScorerOptions,
    read_attributes,
)

_POLL_S = 1.0
_MOST_STARTS = 3
"""Starts of a fit without one more scenario scored: more would not help."""


class FitFailed(Exception):
    """The service could not fit the calibration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateOptions:
    """What to fit; see the help of `python -m scripts.calibrate`."""

    name: str
    bank: str
    bank_file: Path | None = None
    labels: Options = AS_THEY_ARE
    """How labels of that file are read."""
    scenarios: int | None = None
    sample_seed: int = 0
    url: str = DEFAULT_URL
    method: str = "comparative"
    only: tuple[str, ...] = ()
    """Names of attributes; empty for all."""
    examples_bank: str | None = None
    scorer: ScorerOptions = SERVICE_DEFAULTS
    export: Path | None = None
    """File to write the fitted calibration to."""
    notice: str = ""
    """Whose labels the exported calibration is fitted on."""


def calibrate(options: CalibrateOptions) -> str:
    """Fit a calibration, with a progress bar; return a report on what it is worth.

    Raises `FitFailed`, `ServiceProblem`, `ServiceAway` and `UnusableData`.
    """
    return asyncio.run(_calibrate(options, request_of(options)))


async def _calibrate(options: CalibrateOptions, body: dict[str, Any]) -> str:
    async with Service(options.url, 1, api_key=api_key_of_environment()) as service:
        if options.bank_file:
            content = options.bank_file.read_bytes()
            await service.put_bank(options.bank, content, options.labels)
        started = await _start(service, options.name, body)
        for warning in started.warnings:
            print(f"note: {warning}", file=sys.stderr)
        with tqdm(
            total=started.total,
            initial=started.done,
            unit="scenario",
            desc=options.name,
            dynamic_ncols=True,
        ) as bar:
            ready = await _follow(service, options.name, body, bar)
        if options.export:
            content = await service.calibration_file(options.name)
            options.export.write_bytes(with_notice(content, options.notice))
    assert ready.fitted is not None, "a ready calibration is fitted"
    return report(ready.name, ready.fitted)


def with_notice(content: bytes, notice: str) -> bytes:
    """A calibration's file that names whose labels it is fitted on."""
    info = msgspec.structs.replace(imported(content).info, builtin=False, notice=notice)
    return with_description(content, msgspec.json.encode(info))


async def _start(service: Service, name: str, body: Body) -> CalibrationOut:
    """Start a fit, or find the one of this name that is running."""
    try:
        return await service.fit(name, body)
    except ServiceProblem as problem:
        if problem.slug != "calibration-running":
            raise
    print(f"note: {name} is already being fitted; following that fit", file=sys.stderr)
    return await service.calibration(name)


async def _follow(service: Service, name: str, body: Body, bar: tqdm[Any]) -> CalibrationOut:
    """The calibration once it is ready. Raises `FitFailed`, `ServiceProblem`, `ServiceAway`."""
    starts, furthest = 1, -1
    while True:
        current = await service.calibration(name)
        bar.total = current.total
        bar.update(current.done - bar.n)
        if current.state == "ready":
            return current
        if current.state == "failed":
            raise FitFailed(f"{name} could not be fitted: {current.detail}")
        if current.state == "interrupted":
            starts = 1 if current.done > furthest else starts + 1
            furthest = max(furthest, current.done)
            if starts > _MOST_STARTS:
                raise FitFailed(f"{name} was started {starts} times: {current.detail}")
            bar.write("the service was restarted; the fit continues", file=sys.stderr)
            await _start(service, name, body)
        bar.set_postfix_str("fitting" if current.state == "fitting" else "")
        await asyncio.sleep(_POLL_S)


def request_of(options: CalibrateOptions) -> dict[str, Any]:
    """The request that the options mean; what was not given is left out. Raises `UnusableData`."""
    given = options.scorer
    scoring: dict[str, Any] = {"method": options.method}
    body: dict[str, Any] = {"bank": options.bank, "attribute_set": given.attribute_set}
    if given.attributes:
        declared = read_attributes(given.attributes)
        if unknown := [name for name in options.only if name not in declared]:
            raise UnusableData(f"{given.attributes} does not define {unknown[0]!r}")
        body["attributes"] = [
            msgspec.to_builtins(declared[name]) for name in options.only or declared
        ]
    elif options.only:
        body["attributes"] = list(options.only)
    if given.zero_shot:
        scoring["bank"] = None
    elif options.examples_bank:
        scoring["bank"] = options.examples_bank
    body["scoring"] = scoring | given.settings()
    if options.scenarios is not None:
        body |= {"scenarios": options.scenarios, "sample_seed": options.sample_seed}
    return body
