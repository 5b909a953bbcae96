"""Fit a calibration on a running Azimuth, and say in words what it is worth.

`python -m scripts.calibrate NAME --bank BANK [--bank-file FILE] [--scenarios N] [how to score]`
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from app.calibrations.schemas import AttributeReportOut, CalibrationOut, FittedOut
from app.domain.methods import METHODS
from scripts.benchmark.records.scenario_files import UnusableData
from scripts.client.problems import ServiceAway, ServiceProblem
from scripts.client.service import Body, Service
from scripts.scorer_options import (
    DEFAULT_URL,
    SERVICE_DEFAULTS,
    ScorerOptions,
    add_scorer_options,
    positive,
    read_attributes,
)

_POLL_S = 1.0
_MOST_STARTS = 3
"""Starts of a fit without one more scenario scored: more would not help."""
_EXPLAINED = """\
Errors are root mean squares of the difference to the labels, on scenarios left out: of the raw
scores, of surface features without the judge, of both, and of what is used. Pairs are candidates
of one scenario with different labels: how many of them are put in the right order."""


class FitFailed(Exception):
    """The service could not fit the calibration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateOptions:
    """What to fit; see the help of `python -m scripts.calibrate`."""

    name: str
    bank: str
    bank_file: Path | None = None
    scenarios: int | None = None
    sample_seed: int = 0
    url: str = DEFAULT_URL
    method: str = "comparative"
    only: tuple[str, ...] = ()
    """Of the attributes; empty for all."""
    examples_bank: str | None = None
    scorer: ScorerOptions = SERVICE_DEFAULTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and fit the calibration; the exit status."""
    try:
        print(calibrate(options_of(_parser().parse_args(arguments))))
    except ServiceProblem as error:
        print(f"error: {error}", *_fields(error), sep="\n", file=sys.stderr)
    except (FitFailed, ServiceAway, UnusableData, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            "interrupted: the service continues; run the same command again to follow it",
            file=sys.stderr,
        )
        return 130
    else:
        return 0
    return 1


def calibrate(options: CalibrateOptions) -> str:
    """Fit a calibration, with a progress bar; return a report on what it is worth.

    Raises `FitFailed`, `ServiceProblem`, `ServiceAway` and `UnusableData`.
    """
    return asyncio.run(_calibrate(options, request_of(options)))


def options_of(arguments: argparse.Namespace) -> CalibrateOptions:
    """The typed options that a command line means."""
    return CalibrateOptions(
        name=arguments.name,
        bank=arguments.bank,
        bank_file=arguments.bank_file,
        scenarios=arguments.scenarios,
        sample_seed=arguments.sample_seed,
        url=arguments.url,
        method=arguments.method,
        only=tuple(arguments.only or ()),
        examples_bank=arguments.examples_bank,
        scorer=ScorerOptions.from_arguments(arguments),
    )


async def _calibrate(options: CalibrateOptions, body: dict[str, Any]) -> str:
    async with Service(options.url, 1) as service:
        if options.bank_file:
            await service.put_bank(options.bank, options.bank_file.read_bytes())
        begun = await _begin(service, options.name, body)
        for warning in begun.warnings:
            print(f"note: {warning}", file=sys.stderr)
        with tqdm(
            total=begun.total,
            initial=begun.done,
            unit="scenario",
            desc=options.name,
            dynamic_ncols=True,
        ) as bar:
            ready = await _follow(service, options.name, body, bar)
    assert ready.fitted is not None, "a ready calibration is fitted"
    return report(ready.name, ready.fitted)


async def _begin(service: Service, name: str, body: Body) -> CalibrationOut:
    """Begin a fit, or find the one of this name that is running."""
    try:
        return await service.fit(name, body)
    except ServiceProblem as problem:
        if problem.slug != "calibration-running":
            raise
    print(f"note: {name} is being fitted already; this follows that fit", file=sys.stderr)
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
            bar.write("the service was restarted; the fit goes on", file=sys.stderr)
            await _begin(service, name, body)
        bar.set_postfix_str("fitting" if current.state == "fitting" else "")
        await asyncio.sleep(_POLL_S)


def request_of(options: CalibrateOptions) -> dict[str, Any]:
    """The body that the options mean; only what was given. Raises `UnusableData`."""
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


def report(name: str, fitted: FittedOut) -> str:
    """What a calibration is worth, as a table and in words."""
    scorer = fitted.scorer
    left_out = ", ".join(f"{count} {why}" for why, count in fitted.left_out.items())
    lines = [
        f"{name} is fitted for {scorer.method} with {scorer.model}, on "
        f"{fitted.scenarios} scenarios of {fitted.bank.name}"
        + (f" (left out: {left_out})" if left_out else "")
        + _learnt_from(fitted),
        "",
        *_table(fitted.reports),
        "",
        *_EXPLAINED.splitlines(),
        "",
    ]
    best = "together" if any(r.basis == "together" for r in fitted.reports) else "alone"
    lines += [one.summary for one in fitted.reports if one.basis == best]
    lines += ["", f'Version {fitted.digest}; applied with "calibration": "auto" or its name.']
    return "\n".join(lines)


def _learnt_from(fitted: FittedOut) -> str:
    if fitted.labelled == fitted.scenarios:
        return ""
    return f"; surface features on all its {fitted.labelled}"


def _table(reports: Sequence[AttributeReportOut]) -> Iterator[str]:
    header = ["attribute", "scored", "scenarios", "error: raw", "features", "+ judge", "used"]
    header += ["pairs: raw", "features", "used"]
    rows = [header]
    for one in reports:
        errors = (one.error_raw, one.error_features, one.error_combined, one.error)
        pairs = (one.pairs_raw, one.pairs_features, one.pairs)
        rows.append(
            [
                one.attribute,
                one.basis,
                str(one.scenarios),
                *(f"{error:.3f}" for error in errors),
                *("–" if share is None else f"{100 * share:.0f} %" for share in pairs),
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*words, *numbers])


def _fields(problem: ServiceProblem) -> list[str]:
    return [f"  {field.pointer}: {field.detail}" for field in problem.problem.errors or ()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.calibrate",
        description="Score a labelled bank with a running Azimuth and fit a calibration on it. "
        "What is scored stays cached: after an interruption the same command goes on.",
    )
    add = parser.add_argument
    add("name", metavar="NAME", help="what requests will call it")
    add("--bank", required=True, metavar="BANK", help="labelled bank to fit on")
    add("--bank-file", type=Path, metavar="FILE", help="store this file as that bank first")
    add(
        "--scenarios",
        type=positive,
        metavar="N",
        help="score a seeded sample of the bank's; all if not given",
    )
    add("--sample-seed", type=int, default=0, metavar="S")
    add("--url", default=DEFAULT_URL)
    how = parser.add_argument_group("how to score", "as requests will that it is for")
    add = how.add_argument
    scoring = [name for name, traits in METHODS.items() if traits.kind == "score"]
    add("--method", default="comparative", choices=scoring)
    add("--only", nargs="+", metavar="NAME", help="these of the attributes; all if not given")
    add("--examples-bank", metavar="NAME", help="the attribute set's own if not given")
    add_scorer_options(how)
    return parser


if __name__ == "__main__":
    sys.exit(main())
