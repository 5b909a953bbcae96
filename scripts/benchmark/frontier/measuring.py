"""Measure a mode: run it with raw scores, fit a calibration, run it with calibrated scores."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.bank import LabelledScenario
from app.domain.bank_files.reading import AS_THEY_ARE, Options
from scripts.benchmark.frontier.modes import Mode, place_of
from scripts.benchmark.pages.plots.frontier import FREE
from scripts.benchmark.records.grouping import slug
from scripts.benchmark.records.journal import OtherRun
from scripts.benchmark.records.reading import read_run, runs_in
from scripts.benchmark.records.results import CALIBRATED
from scripts.benchmark.records.scenario_files import (
    labelled_attributes,
    levels_of,
    read_scenarios,
)
from scripts.benchmark.running.evaluation import evaluate
from scripts.benchmark.running.options import RunOptions
from scripts.calibrate.fitting import CalibrateOptions, calibrate
from scripts.calibrate.following import FitFailed
from scripts.client.problems import ServiceAway, ServiceProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierOptions:
    """What all modes share; see the help of `python -m scripts.benchmark frontier`."""

    scenarios: Path
    train: Path
    out: Path
    targets: tuple[str, ...]
    url: str
    attribute_set: str
    attributes: Path | None
    bank_chars: int | None
    model: str | None
    concurrency: int
    labels: Options = AS_THEY_ARE
    """How labels of both files are read."""
    raw_only: bool = False
    """Whether to leave calibrations out."""

    @property
    def dataset(self) -> str:
        """Name of the folder of the training scenarios."""
        return self.train.resolve().parent.name


def run_folders(out: Path) -> list[Path]:
    """The runs in a folder in the order of the modes, raw scores before calibrated ones."""
    folders = runs_in([out])
    return sorted(folders, key=lambda f: (place_of(read_run(f)), not f.name.endswith("-raw")))


def measure(mode: Mode, options: FrontierOptions) -> bool:
    """Run one mode, raw and calibrated; whether all of it succeeded.

    Finished runs are not repeated. Errors are printed, so that other modes still run.
    """
    raw = _raw_run(mode, options)
    succeeded = _attempt(lambda: evaluate(raw))
    if mode.name == FREE or options.raw_only:
        return succeeded
    if mode.scorer.joint and not _labels_one_set(_scenarios(options)):
        print(
            f"note: {mode.name} stays raw: the attributes that are asked together belong to a "
            "scorer, and these scenarios are labelled on different ones",
            file=sys.stderr,
        )
        return succeeded
    fit = _calibration(mode, options, raw)

    def fitted() -> bool:
        print(calibrate(fit))
        return True

    if not _attempt(fitted):
        return False  # a run with this calibration would have raw scores under another name
    calibrated = replace(
        raw,
        calibration=fit.name,
        probabilities=True,
        label=mode.name + CALIBRATED,
        out=options.out / f"{slug(mode.name)}-cal",
    )
    return _attempt(lambda: evaluate(calibrated)) and succeeded


def _raw_run(mode: Mode, options: FrontierOptions) -> RunOptions:
    run = RunOptions(
        scenarios=(options.scenarios,),
        method="comparative",
        out=options.out / f"{slug(mode.name)}-raw",
        targets=options.targets,
        labels=options.labels,
        url=options.url,
        scorer=replace(
            mode.scorer, attribute_set=options.attribute_set, attributes=options.attributes
        ),
        sample=mode.scenarios,
        concurrency=options.concurrency,
        label=mode.name,
    )
    if mode.name == FREE:
        return replace(run, method="features", bank_file=options.train)
    run = replace(run, scorer=replace(run.scorer, models=(options.model,) if options.model else ()))
    bank = f"{options.dataset}-examples"
    if mode.scorer.zero_shot:
        return run
    return replace(run, bank=bank, bank_file=options.train, bank_chars=options.bank_chars or None)


def _calibration(mode: Mode, options: FrontierOptions, raw: RunOptions) -> CalibrateOptions:
    name = f"frontier-{options.dataset}-{slug(mode.name)}"
    return CalibrateOptions(
        name=name,
        bank=f"{name}-labels",
        bank_file=options.train,
        labels=options.labels,
        scenarios=mode.training,
        url=options.url,
        only=tuple(levels_of(_scenarios(options))),
        examples_bank=raw.bank,
        scorer=raw.scorer,
    )


def _scenarios(options: FrontierOptions) -> list[LabelledScenario]:
    return read_scenarios([options.scenarios], options.labels)[0]


def _labels_one_set(scenarios: list[LabelledScenario]) -> bool:
    """Whether all scenarios are labelled on the same attributes."""
    return len({frozenset(labelled_attributes(s)) for s in scenarios}) == 1


def _attempt(step: Callable[[], bool]) -> bool:
    """Whether a step succeeded; its error is printed."""
    try:
        return step()
    except (OtherRun, ServiceProblem, ServiceAway, FitFailed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return False
