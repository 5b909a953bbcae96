"""`align RUN --scenarios FILE… --targets SET --out FILE`: selections as ALIGN's records."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.bank_files.labels import Scale, Unlabelled
from app.domain.bank_files.reading import Options
from scripts.benchmark.records.align import to_align
from scripts.benchmark.records.reading import read_results
from scripts.benchmark.records.results import Results
from scripts.benchmark.records.scenario_files import UnusableData, read_scenarios, shuffled
from scripts.benchmark.records.targets import UnusableTargets


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--scenarios", nargs="+", type=Path, required=True, metavar="FILE")
    parser.add_argument("--targets", required=True, help="a target set of the run, e.g. high")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Write the records."""
    results = read_results(arguments.run)
    names = [target_set.name for target_set in results.run.target_sets]
    if arguments.targets not in names:
        raise UnusableTargets(f"the run has {', '.join(names)}, not {arguments.targets!r}")
    scenarios = _scenarios_of(results, arguments.scenarios)
    records = to_align(results, scenarios, arguments.targets)
    text = json.dumps(records, indent=2, ensure_ascii=False) + "\n"
    arguments.out.write_text(text, "utf-8")
    print(f"{arguments.out}: {len(records)} records")
    return 0


def _scenarios_of(results: Results, files: Sequence[Path]) -> dict[str, LabelledScenario]:
    """The scenarios of a run by id, candidates in the run's order. Raises `UnusableData`."""
    seed = results.run.sample_seed
    # The labels were read in one way for all files of the run.
    first = results.run.data[0]
    options = Options(Scale.parse(first.scale), msgspec.convert(first.choices, Unlabelled))
    scenarios = {s.id: shuffled(s, seed) for s in read_scenarios(files, options)[0]}
    for result in results.answered:
        if result.id not in scenarios:
            raise UnusableData(f"{result.id!r} of the run is not in the scenario files")
        if result.labels != scenarios[result.id].labels:
            raise UnusableData(f"{result.id!r} has other labels in the scenario files")
    return scenarios
