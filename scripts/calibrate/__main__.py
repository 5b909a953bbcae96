"""`python -m scripts.calibrate NAME --bank BANK [--bank-file FILE] [--scenarios N] [scoring]`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from app.domain.methods import METHODS
from scripts.benchmark.records.scenario_files import UnusableData
from scripts.calibrate.fitting import CalibrateOptions, calibrate
from scripts.calibrate.following import FitFailed
from scripts.client.problems import ServiceAway, ServiceProblem
from scripts.label_options import add_label_options, label_options
from scripts.scorer_options import DEFAULT_URL, ScorerOptions, add_scorer_options, positive


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and fit the calibration; the exit status."""
    try:
        print(calibrate(options_of(parser().parse_args(arguments))))
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


def options_of(arguments: argparse.Namespace) -> CalibrateOptions:
    """The typed options that a command line means."""
    return CalibrateOptions(
        name=arguments.name,
        bank=arguments.bank,
        further_banks=tuple(arguments.further_bank),
        bank_file=arguments.bank_file,
        labels=label_options(arguments),
        scenarios=arguments.scenarios,
        sample_seed=arguments.sample_seed,
        url=arguments.url,
        method=arguments.method,
        only=tuple(arguments.only or ()),
        examples_bank=arguments.examples_bank,
        export=arguments.export,
        notice=arguments.notice,
        report=arguments.report,
        texts=arguments.texts,
        scorer=ScorerOptions.from_arguments(arguments),
    )


def _fields(problem: ServiceProblem) -> list[str]:
    return [f"  {field.pointer}: {field.detail}" for field in problem.problem.errors or ()]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command_line = argparse.ArgumentParser(
        prog="python -m scripts.calibrate",
        description="Score a labelled bank with a running Azimuth and fit a calibration on it. "
        "What is scored stays cached: after an interruption, run the same command again.",
    )
    add = command_line.add_argument
    add("name", metavar="NAME", help="what requests will call it")
    add("--bank", required=True, metavar="BANK", help="labelled bank to fit on")
    add(
        "--further-bank",
        action="append",
        default=[],
        metavar="BANK",
        help="learn from this bank as well, as another kind of scenarios; may be repeated",
    )
    add("--bank-file", type=Path, metavar="FILE", help="store this file as that bank first")
    add_label_options(command_line)
    add(
        "--scenarios",
        type=positive,
        metavar="N",
        help="score a seeded sample of the bank's; all if not given",
    )
    add("--sample-seed", type=int, default=0, metavar="S")
    add("--url", default=DEFAULT_URL)
    add("--export", type=Path, metavar="FILE", help="write it to this file as well (.npz)")
    add("--notice", default="", metavar="TEXT", help="whose labels the file is fitted on")
    add(
        "--report",
        type=Path,
        metavar="FILE",
        help="write a page about it to this file as well (.html)",
    )
    add("--texts", action="store_true", help="quote questions and responses on that page")
    how = command_line.add_argument_group("how to score", "as requests will that it is for")
    add = how.add_argument
    scoring = [name for name, traits in METHODS.items() if traits.kind == "score"]
    add("--method", default="comparative", choices=scoring)
    add("--only", nargs="+", metavar="NAME", help="these of the attributes; all if not given")
    add("--examples-bank", metavar="NAME", help="the attribute set's own if not given")
    add_scorer_options(how)
    return command_line


if __name__ == "__main__":
    sys.exit(main())
