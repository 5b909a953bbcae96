"""The benchmark of "Steerable Pluralism" against a running Azimuth, and what is made of its runs.

`python -m scripts.benchmark run --scenarios FILE… --bank NAME --method M --targets T… --out DIR`
`python -m scripts.benchmark report DIR… --out DIR`
`python -m scripts.benchmark table DIR…`
`python -m scripts.benchmark compare A B`
`python -m scripts.benchmark align DIR --scenarios FILE… --targets T --out FILE`
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib.metadata
import json
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import app
from app.calibrations.fitting.fit import fit_features
from app.calibrations.fitting.rows import LabelledEvidence, TooFewLabels
from app.domain.bank import LabelledScenario
from app.domain.calibration.evidence import without_judge
from app.domain.calibration.model import AUTO, Calibration
from app.domain.fingerprint import attribute_field
from app.domain.methods import METHODS, MethodTraits
from app.domain.scenario import Attribute
from app.store.attribute_sets import builtin_attribute_sets
from scripts.benchmark.records.journal import Journal, OtherRun
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.results import Run, ScenarioResult
from scripts.benchmark.records.scenario_files import (
    UnusableData,
    levels_of,
    read_scenarios,
    sampled,
    shuffled,
    to_align,
)
from scripts.benchmark.records.targets import UnusableTargets, parse_targets
from scripts.benchmark.running.runner import LOCAL, Evaluation
from scripts.benchmark.running.service import Service, ServiceAway, ServiceProblem
from scripts.scorer_options import add_scorer_options, count, positive, read_attributes, settings_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it says; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands = {"report": _report, "table": _table, "compare": _compare, "align": _align}
    command = commands.get(given[0]) if given else None
    try:
        if command is not None:
            return command(given[1:])
        return _run(given)
    except (UnusableData, UnusableTargets, OtherRun, ServiceProblem, ServiceAway) as error:
        print(f"error: {error}", file=sys.stderr)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on where this one stopped", file=sys.stderr)
        return 130
    return 1


def _run(given: Sequence[str]) -> int:
    options = _run_parser().parse_args(given)
    scenarios, files = read_scenarios(options.scenarios)
    for file in files:
        if file.unlabelled:
            print(
                f"note: {file.name}: {file.unlabelled} of "
                f"{file.scenarios + file.unlabelled} scenarios are left out, as no attribute is "
                "labelled on every response",
                file=sys.stderr,
            )
    levels = levels_of(scenarios)
    scenarios = sampled(scenarios, options.sample, options.sample_seed)
    if METHODS.get(options.method) and METHODS[options.method].reads_target:
        for text in options.targets:
            if text == "all":
                raise UnusableTargets(
                    f"{options.method} asks the model once for each target, so `all` would take "
                    "days: give it sampled ones (sample:N or sampled:FILE)"
                )
    return asyncio.run(_evaluate(options, scenarios, files, levels, given))


async def _evaluate(
    options: argparse.Namespace,
    scenarios: Sequence[LabelledScenario],
    files: Sequence[Any],
    levels: dict[str, tuple[float, ...]],
    given: Sequence[str],
) -> int:
    local = options.method in LOCAL
    features = _fit_features(options, levels) if options.method == "features" else None
    for option, why in without_effect(options):
        print(f"note: --{option} has no effect {why}", file=sys.stderr)
    async with Service(options.url, options.concurrency) as service:
        attributes: dict[str, str | dict[str, Any]] = {}
        declared = await _attributes(options, None if local else service)
        if not local:
            unknown = [name for name in levels if name not in declared]
            if unknown:
                raise UnusableData(
                    f"the scenarios label {unknown[0]!r}, which is not among the attributes: "
                    f"{', '.join(declared)} (see --attribute-set and --attributes)"
                )
            attributes = {name: declared[name] if options.attributes else name for name in levels}
        # Of every method alike, so that all take the same targets: the data need not show all.
        levels = {
            name: tuple(declared.get(name, {}).get("levels") or found)
            for name, found in levels.items()
        }
        settings = _settings(options)
        run = Run(
            method=options.method,
            settings=settings,
            attributes=levels,
            target_sets=tuple(parse_targets(options.targets, levels, options.sample_seed)),
            data=tuple(files),
            sample=options.sample,
            sample_seed=options.sample_seed,
            scenarios=tuple(scenario.id for scenario in scenarios),
            command=shlex.join(["python", "-m", "scripts.benchmark", "run", *given]),
            versions={
                "azimuth": app.__version__,
                "python": platform.python_version(),
                "numpy": np.__version__,
                "httpx": importlib.metadata.version("httpx"),
            },
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            dataset=options.dataset or _dataset(options.scenarios[0]),
            label=options.label,
            order_check=min(options.order_check, len(scenarios)),
            concurrency=options.concurrency,
            definitions={name: definition_id(declared[name]) for name in levels if not local},
        )
        journal = Journal.open(options.out, run)
        compares = not local and METHODS[options.method].compares
        checks = run.order_check if compares and not calibrated(options) else 0
        try:
            if not local:
                # Not before: a command that the folder refuses must not replace the bank.
                await _store_bank(options, service)
            with tqdm(
                total=len(scenarios) + checks,
                initial=sum(
                    1 + bool(checks and r.reversed)
                    for r in journal.done.values()
                    if r.problem is None
                ),
                unit="scenario",
                desc=run.title,
                dynamic_ncols=True,
            ) as bar:
                failed: list[ScenarioResult] = []

                def told(result: ScenarioResult) -> None:
                    bar.update()
                    if result.problem is not None:
                        failed.append(result)
                        bar.write(f"{result.id}: {result.problem}", file=sys.stderr)

                request: dict[str, Any] = {
                    "method": options.method,
                    "attribute_set": options.attribute_set,
                    "calibration": "none",
                }
                await Evaluation(
                    journal=journal,
                    scenarios=scenarios,
                    service=None if local else service,
                    attributes=attributes,
                    request=request | settings,
                    progress=told,
                    features=features,
                    chances=options.probabilities,
                    warn=lambda warning: bar.write(f"warning: {warning}", file=sys.stderr),
                ).run()
            journal.compact()
        finally:
            journal.close()
    print(_summary(options.out))
    return 1 if failed else 0


def _fit_features(options: argparse.Namespace, levels: dict[str, tuple[float, ...]]) -> Calibration:
    """Fit surface features on the bank file. Raises `UnusableData`."""
    if not options.bank_file:
        raise UnusableData("features are fitted on labelled scenarios: give them by --bank-file")
    names = list(levels)
    known: list[LabelledEvidence] = []
    for scenario in read_scenarios([options.bank_file])[0]:
        labels = [[one.get(name, np.nan) for name in names] for one in scenario.labels]
        evidence = without_judge(scenario.question, scenario.responses, len(names))
        known.append(LabelledEvidence(scenario.question, evidence, np.array(labels)))
    try:
        return fit_features(known, fields=[f"{name}@" for name in names])
    except TooFewLabels as error:
        raise UnusableData(f"{options.bank_file}: {error}") from error


async def _attributes(
    options: argparse.Namespace, service: Service | None
) -> dict[str, dict[str, Any]]:
    """Name -> definition and levels. Without a service only what ships with Azimuth is known."""
    if options.attributes:
        return read_attributes(options.attributes)
    if service is not None:
        answer = await service.get(f"/v1/attribute-sets/{options.attribute_set}")
        return {attribute["name"]: attribute for attribute in answer["attributes"]}
    known = builtin_attribute_sets().get(options.attribute_set)
    return {a.name: {"name": a.name, "levels": a.levels} for a in known.attributes} if known else {}


def definition_id(attribute: dict[str, Any]) -> str:
    """An attribute's name with a digest of its definition, as score sets call its cells."""
    return attribute_field(
        Attribute(
            attribute["name"],
            attribute["definition"],
            attribute.get("low", ""),
            attribute.get("high", ""),
            tuple(attribute.get("levels", ())),
        )
    )


def without_effect(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Options that were given but change nothing, and why: nothing is ignored silently."""
    found: list[tuple[str, str]] = []
    if options.bank_chars and (not options.bank_file or options.method == "features"):
        found.append(("bank-chars", "without --bank-file, nor on features"))
    traits = METHODS.get(options.method, MethodTraits(generates=False, compares=False))
    if traits.compares and calibrated(options) and options.order_check:
        found.append(("order-check", "on calibrated scores, which are one for both orders"))
    if not _scores(options):
        why = f"on {options.method}, of which the service has no scores"
        found += [("calibration", why)] if options.calibration != "none" else []
        found += [("probabilities", why)] if options.probabilities else []
    known = options.attributes or options.attribute_set in builtin_attribute_sets()
    if options.method in LOCAL and not known:
        why = f"on {options.method}: only built-in sets are known without the service"
        found.append(("attribute-set", f"{why}, levels are those of the data"))
    few_shot = [name for name in ("bank", "examples") if getattr(options, name) is not None]
    if not traits.uses_examples:
        found += [(name, f"on {options.method}") for name in few_shot]
    elif options.zero_shot:
        found += [(name, "with --zero-shot") for name in few_shot]
    idle: list[str] = []
    if not traits.compares:
        idle += ["orders", "order_check"]
    if not traits.generates:
        idle += ["samples", "temperature", "no_reasoning", "reasoning_chars"]
    if options.method in LOCAL:
        idle += ["model", "joint"]  # of the others the service refuses `joint` where it cannot be
    given = [name for name in idle if getattr(options, name)]
    return found + [(name.replace("_", "-"), f"on {options.method}") for name in given]


def _scores(options: argparse.Namespace) -> bool:
    """Whether the service scores for the method, rather than to choose or not to be asked."""
    return options.method in METHODS and METHODS[options.method].kind == "score"


def _calibration_name(text: str) -> str:
    """`auto` may mean another one, or none, for scores than for the targets that name some only."""
    if text == AUTO:
        raise argparse.ArgumentTypeError("name one: results are of one calibration, or of none")
    return text


def calibrated(options: argparse.Namespace) -> bool:
    """Whether selections go by calibrated scores."""
    return _scores(options) and options.calibration != "none"


async def _store_bank(options: argparse.Namespace, service: Service) -> None:
    if not options.bank_file:
        return
    if not options.bank:
        raise UnusableData("--bank-file needs a name to store it under: --bank NAME")
    lines = options.bank_file.read_bytes()
    if options.bank_chars:
        try:
            lines = b"".join(
                line + b"\n"
                for line in lines.split(b"\n")
                if line.strip() and _characters(json.loads(line)) <= options.bank_chars
            )
        except (KeyError, TypeError) as error:
            raise UnusableData(f"{options.bank_file}: a line is no scenario: {error!r}") from error
    await service.put_bank(options.bank, lines)


def _characters(scenario: dict[str, Any]) -> int:
    return len(scenario["question"]) + sum(len(text) for text in scenario["responses"])


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The scorer settings as requests carry them; only those that were given."""
    if options.method == "features":
        return {"fitted_on": hashlib.sha256(options.bank_file.read_bytes()).hexdigest()}
    settings = settings_of(options)
    if options.method in LOCAL:
        return {name: value for name, value in settings.items() if name == "seed"}
    if METHODS[options.method].uses_examples:
        settings["bank"] = None if options.zero_shot else options.bank
        settings["examples"] = 0 if options.zero_shot else settings.get("examples", 5)
        if settings["bank"] is None and not options.zero_shot:
            del settings["bank"]  # the attribute set's own
    else:
        settings.pop("examples", None)
    if calibrated(options):
        settings["calibration"] = options.calibration
    return settings


def _dataset(path: Path) -> str:
    named = path.stem not in ("eval", "train", "test")
    return path.stem if named else path.resolve().parent.name


def _summary(folder: Path) -> str:
    from scripts.benchmark.pages.summary import summary

    return summary(folder)


def _report(given: Sequence[str]) -> int:
    from scripts.benchmark.pages.report import write_report

    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark report")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("report"), help="folder to write into")
    options = parser.parse_args(given)
    write_report(options.folders, options.out)
    print(f"{options.out}/report.html, {options.out}/report.md, {options.out}/plots/")
    return 0


def _table(given: Sequence[str]) -> int:
    from scripts.benchmark.pages.tables import table

    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark table",
        description="A short Markdown table of runs: accuracy in % with 95 % intervals.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    print(table(parser.parse_args(given).folders))
    return 0


def _compare(given: Sequence[str]) -> int:
    from scripts.benchmark.measures.compare import compare

    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark compare")
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    parser.add_argument("--targets", nargs="*", help="target sets; all that both runs have")
    options = parser.parse_args(given)
    print(compare(options.a, options.b, options.targets))
    return 0


def _align(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark align",
        description="Write a run's selections as ALIGN's input_output.json.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--scenarios", nargs="+", type=Path, required=True, metavar="FILE")
    parser.add_argument("--targets", required=True, help="a target set of the run, e.g. high")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(given)
    results = read_results(options.folder)
    names = [target_set.name for target_set in results.run.target_sets]
    if options.targets not in names:
        raise UnusableTargets(f"the run has {', '.join(names)}, not {options.targets!r}")
    seed = results.run.sample_seed
    scenarios = {s.id: shuffled(s, seed) for s in read_scenarios(options.scenarios)[0]}
    for result in results.answered:
        if result.id not in scenarios:
            raise UnusableData(f"{result.id!r} of the run is not in the scenario files")
        if result.labels != scenarios[result.id].labels:
            raise UnusableData(f"{result.id!r} has other labels in the scenario files")
    records = to_align(results, scenarios, options.targets)
    options.out.write_text(json.dumps(records, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(f"{options.out}: {len(records)} records")
    return 0


def _run_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark run",
        description="Run the benchmark against a running Azimuth. Other commands: report, table, "
        "compare, align (each with --help).",
    )
    add = parser.add_argument
    add(
        "--scenarios",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON Lines in the format of banks, or ALIGN's input_output.json",
    )
    add("--method", required=True, choices=[*METHODS, *LOCAL])
    add(
        "--targets",
        nargs="+",
        default=["high", "low", "sample:10"],
        metavar="T",
        help="high, low, sampled:FILE, sample:N (N for each number of attributes), all",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="results folder; resumed if begun")
    add("--url", default="http://127.0.0.1:8000")
    add("--bank", metavar="NAME", help="the attribute set's own if not given")
    add("--bank-file", type=Path, metavar="FILE", help="store this file as the bank first")
    add(
        "--bank-chars",
        type=positive,
        metavar="N",
        help="of the bank file only scenarios of at most N characters",
    )
    add_scorer_options(parser)
    add(
        "--calibration",
        default="none",
        type=_calibration_name,
        metavar="NAME",
        help="select by the scores of this calibration (see scripts.calibrate) instead of raw ones",
    )
    add(
        "--probabilities",
        action="store_true",
        help="note how likely each selection is, for target sets of at most 200",
    )
    add("--sample", type=positive, metavar="N", help="a seeded sample of N scenarios")
    add("--sample-seed", type=int, default=0, metavar="S")
    add(
        "--order-check",
        type=count,
        default=0,
        metavar="N",
        help="ask for the first N scenarios in both orders of candidates as well",
    )
    add("--concurrency", type=positive, default=8, metavar="N", help="requests at once")
    add("--dataset", help="name for tables; from the file's folder if not given")
    add("--label", default="", help="name of the run for tables")
    return parser  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
