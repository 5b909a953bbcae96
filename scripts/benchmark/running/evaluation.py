"""Run a method on scenarios: read the data, ask for what is missing, print a summary."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from tqdm import tqdm

import app
from app.calibrations.fitting.fit import fit_features
from app.calibrations.fitting.rows import LabelledEvidence, TooFewLabels
from app.domain.bank import LabelledScenario, bank_of, serialize_bank
from app.domain.bank_files.labels import FILLED, Scale
from app.domain.calibration.evidence import without_judge
from app.domain.calibration.model import Calibration
from app.domain.fingerprint import attribute_field
from scripts.benchmark.pages.summary import summary
from scripts.benchmark.records.journal import Journal
from scripts.benchmark.records.results import DataFile, Run, ScenarioResult
from scripts.benchmark.records.scenario_files import (
    ADVICE,
    UnusableData,
    levels_of,
    read_file,
    read_scenarios,
    sampled,
)
from scripts.benchmark.records.targets import UnusableTargets, parse_targets
from scripts.benchmark.running.attributes import Definitions, declared_attributes
from scripts.benchmark.running.options import RunOptions, without_effect
from scripts.benchmark.running.runner import Evaluation
from scripts.client.connection import api_key_of_environment
from scripts.client.service import Service

Levels = dict[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class _Data:
    """The scenarios of a run, and what their files hold."""

    scenarios: Sequence[LabelledScenario]
    files: Sequence[DataFile]
    levels: Levels
    """Attribute -> its label levels in all files; empty for a continuum."""


def evaluate(options: RunOptions) -> bool:
    """Run a method and print a summary; whether no scenario failed.

    Raises `UnusableData`, `UnusableTargets`, `OtherRun`, `ServiceProblem` and `ServiceAway`.
    """
    if options.traits.reads_target and "all" in options.targets:
        raise UnusableTargets(
            f"{options.method} asks the model once for each target, so `all` would take days: "
            "give sampled targets (sample:N or sampled:FILE)"
        )
    if options.traits.reads_states and options.calibration is None:
        raise UnusableData(
            f"{options.method} has scores by a calibration only: fit one with scripts.calibrate "
            f"--method {options.method}, and name it by --calibration"
        )
    data = _read(options)
    features = _fit_features(options, data.levels) if options.method == "features" else None
    for option, why in without_effect(options):
        print(f"note: --{option} has no effect {why}", file=sys.stderr)
    failed = asyncio.run(_evaluate(options, data, features))
    print(summary(options.out))
    return not failed


def _read(options: RunOptions) -> _Data:
    scenarios, files = read_scenarios(options.scenarios, options.labels)
    for file in files:
        for note in _notes(file):
            print(f"note: {file.name}: {note}", file=sys.stderr)
    chosen = sampled(scenarios, options.sample, options.sample_seed)
    return _Data(chosen, files, levels_of(scenarios))


def _notes(file: DataFile) -> Iterator[str]:
    """What was done to a file's labels and scenarios."""
    if file.scale != str(Scale()):
        yield f"labels of {file.scale} are mapped to {Scale()}"
    if file.choices != "keep":
        done = {"drop": "left out", "fill": f"given labels of {FILLED}"}[file.choices]
        yield f"responses without labels are {done}"
    if file.unlabelled:
        yield (
            f"{file.unlabelled} of {file.scenarios + file.unlabelled} scenarios are left out: no "
            f"attribute is labelled on every response{'' if file.choices != 'keep' else ADVICE}"
        )


async def _evaluate(options: RunOptions, data: _Data, features: Calibration | None) -> bool:
    """Whether any scenario failed."""
    api_key = api_key_of_environment()
    async with Service(options.url, options.concurrency, api_key=api_key) as connected:
        service = None if options.is_local else connected
        declared = await declared_attributes(options.scorer, service)
        if service is not None:
            _check_declared(data.levels, declared)
        journal = Journal.open(options.out, _new_run(options, data, declared))
        try:
            if service is not None:
                # Only now: a run that the folder refuses must not replace the bank.
                await _store_bank(options, service)
            failed = await _run_scenarios(options, data, declared, journal, service, features)
            journal.compact()
        finally:
            journal.close()
    return failed


def _check_declared(levels: Levels, declared: Definitions) -> None:
    if unknown := [name for name in levels if name not in declared]:
        raise UnusableData(
            f"the scenarios label {unknown[0]!r}, which is not among the attributes: "
            f"{', '.join(declared)} (see --attribute-set and --attributes)"
        )


def _new_run(options: RunOptions, data: _Data, declared: Definitions) -> Run:
    # Declared levels come first, for every method, so that all have the same targets: a small file
    # need not show every level.
    levels = {
        name: declared[name].levels or observed if name in declared else observed
        for name, observed in data.levels.items()
    }
    return Run(
        method=options.method,
        settings=options.settings(),
        attributes=levels,
        target_sets=tuple(parse_targets(options.targets, levels, options.sample_seed)),
        data=tuple(data.files),
        sample=options.sample,
        sample_seed=options.sample_seed,
        scenarios=tuple(scenario.id for scenario in data.scenarios),
        command=options.command(),
        versions={
            "azimuth": app.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "httpx": importlib.metadata.version("httpx"),
        },
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=options.dataset or _dataset(options.scenarios[0]),
        label=options.label,
        order_check=min(options.order_check, len(data.scenarios)),
        concurrency=options.concurrency,
        definitions={}
        if options.is_local
        else {name: attribute_field(declared[name]) for name in levels},
    )


async def _run_scenarios(
    options: RunOptions,
    data: _Data,
    declared: Definitions,
    journal: Journal,
    service: Service | None,
    features: Calibration | None,
) -> bool:
    """Ask for all that is missing, with a progress bar; whether any scenario failed."""
    failed = False
    with _progress_bar(options, data, journal) as bar:

        def finished(result: ScenarioResult) -> None:
            nonlocal failed
            bar.update()
            if result.problem is not None:
                failed = True
                bar.write(f"{result.id}: {result.problem}", file=sys.stderr)

        await Evaluation(
            journal=journal,
            scenarios=data.scenarios,
            service=service,
            attributes=_attributes_to_send(options, data, declared),
            request=_request(options),
            progress=finished,
            features=features,
            chances=options.probabilities,
            warn=lambda warning: bar.write(f"warning: {warning}", file=sys.stderr),
        ).run()
    return failed


def _request(options: RunOptions) -> dict[str, Any]:
    """What all requests of a run have in common."""
    scoring = {"method": options.method, **options.settings()}
    return {
        "attribute_set": options.scorer.attribute_set,
        "calibration": scoring.pop("calibration", "none"),
        "scoring": scoring,
    }


def _attributes_to_send(
    options: RunOptions, data: _Data, declared: Definitions
) -> dict[str, str | dict[str, Any]]:
    """Attribute -> its name in the set of the service, or its whole definition."""
    if options.is_local:
        return {}
    if not options.scorer.attributes:
        return {name: name for name in data.levels}
    return {name: msgspec.to_builtins(declared[name]) for name in data.levels}


def _progress_bar(options: RunOptions, data: _Data, journal: Journal) -> tqdm[Any]:
    checked = not options.is_local and options.traits.compares and not options.is_calibrated
    checks = journal.run.order_check if checked else 0
    done = [result for result in journal.done.values() if result.problem is None]
    return tqdm(
        total=len(data.scenarios) + checks,
        initial=sum(1 + bool(checks and result.reversed) for result in done),
        unit="scenario",
        desc=journal.run.title,
        dynamic_ncols=True,
    )


def _fit_features(options: RunOptions, levels: Levels) -> Calibration:
    """Fit surface features on the bank file. Raises `UnusableData`."""
    if not options.bank_file:
        raise UnusableData("features are fitted on labelled scenarios: give them by --bank-file")
    names = list(levels)
    known: list[LabelledEvidence] = []
    for scenario in read_scenarios([options.bank_file], options.labels)[0]:
        labels = [[one.get(name, np.nan) for name in names] for one in scenario.labels]
        evidence = without_judge(scenario.question, scenario.responses, len(names))
        known.append(LabelledEvidence(scenario.question, evidence, np.array(labels)))
    try:
        return fit_features(known, fields=[f"{name}@" for name in names])
    except TooFewLabels as error:
        raise UnusableData(f"{options.bank_file}: {error}") from error


async def _store_bank(options: RunOptions, service: Service) -> None:
    """Store the bank file, if there is one. Raises `UnusableData`."""
    if not options.bank_file:
        return
    if not options.bank:
        raise UnusableData("--bank-file needs a name to store it under: --bank NAME")
    scenarios = read_file(options.bank_file, options.labels).scenarios
    if options.bank_chars:
        scenarios = [s for s in scenarios if _characters(s) <= options.bank_chars]
    if not scenarios:
        raise UnusableData(f"{options.bank_file}: no labelled scenario is left for the bank")
    await service.put_bank(options.bank, serialize_bank(bank_of(scenarios)))


def _characters(scenario: LabelledScenario) -> int:
    return len(scenario.question) + sum(map(len, scenario.responses))


def _dataset(path: Path) -> str:
    """Name of a data set: the file's, or its folder's where the file names a part of it."""
    is_part = path.stem in ("eval", "train", "test")
    return path.resolve().parent.name if is_part else path.stem
