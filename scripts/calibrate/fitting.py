"""Fit a calibration with a progress bar; report what it is worth, and write a page if asked to."""

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
from scripts.calibrate.following import follow, start
from scripts.calibrate.pages.held_out import find, scenarios_of
from scripts.calibrate.pages.kept import KeptTrials
from scripts.calibrate.pages.page import write_page
from scripts.calibrate.report import report
from scripts.client.connection import api_key_of_environment
from scripts.client.service import Body, Service
from scripts.scorer_options import (
    DEFAULT_URL,
    SERVICE_DEFAULTS,
    ScorerOptions,
    read_attributes,
)

_AT_ONCE = 8
"""Requests in flight while the page is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateOptions:
    """What to fit; see the help of `python -m scripts.calibrate`."""

    name: str
    bank: str
    further_banks: tuple[str, ...] = ()
    """Banks to learn from as well."""
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
    report: Path | None = None
    """File to write a page to."""
    texts: bool = False
    """Whether the page quotes questions and responses."""


def calibrate(options: CalibrateOptions) -> str:
    """Fit a calibration, with a progress bar; return a report on what it is worth.

    Raises `FitFailed`, `ServiceProblem`, `ServiceAway` and `UnusableData`.
    """
    return asyncio.run(_calibrate(options, request_of(options)))


async def _calibrate(options: CalibrateOptions, body: Body) -> str:
    async with Service(options.url, _AT_ONCE, api_key=api_key_of_environment()) as service:
        content = options.bank_file.read_bytes() if options.bank_file else None
        if content is not None:
            await service.put_bank(options.bank, content, options.labels)
        ready = await _fitted(service, options.name, body)
        fitted = ready.fitted
        assert fitted is not None, "a ready calibration is fitted"
        if options.export:
            file = await service.calibration_file(options.name)
            options.export.write_bytes(with_notice(file, options.notice))
        if options.report:
            given = scenarios_of(fitted.bank, content, options.labels)
            about = [
                dict(body),
                msgspec.to_builtins(fitted.scorer.model_dump()),
                fitted.bank.digest,
            ]
            kept = KeptTrials(options.report, about)
            findings = await find(service, options.name, body, fitted, given, kept)
            write_page(options.report, options.name, fitted, findings, texts=options.texts)
            kept.forget()
    return report(ready.name, fitted)


async def _fitted(service: Service, name: str, body: Body) -> CalibrationOut:
    """The calibration once it is fitted, with a progress bar."""
    started = await start(service, name, body)
    for warning in started.warnings:
        print(f"note: {warning}", file=sys.stderr)
    with tqdm(
        total=started.total,
        initial=started.done,
        unit="scenario",
        desc=name,
        dynamic_ncols=True,
    ) as bar:

        def seen(current: CalibrationOut) -> None:
            bar.total = current.total
            bar.update(current.done - bar.n)
            bar.set_postfix_str("fitting" if current.state == "fitting" else "")

        def restarted() -> None:
            bar.write("the service was restarted; the fit continues", file=sys.stderr)

        return await follow(service, name, body, seen, restarted)


def with_notice(content: bytes, notice: str) -> bytes:
    """A calibration's file that names whose labels it is fitted on."""
    info = msgspec.structs.replace(imported(content).info, builtin=False, notice=notice)
    return with_description(content, msgspec.json.encode(info))


def request_of(options: CalibrateOptions) -> dict[str, Any]:
    """The request that the options mean; what was not given is left out. Raises `UnusableData`."""
    given = options.scorer
    scoring: dict[str, Any] = {"method": options.method}
    body: dict[str, Any] = {"bank": options.bank, "attribute_set": given.attribute_set}
    if options.further_banks:
        body["further_banks"] = list(options.further_banks)
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
