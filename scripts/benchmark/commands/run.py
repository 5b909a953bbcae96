"""`run --scenarios FILE… --method M --targets T… --out DIR`: run a method on scenarios."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.domain.calibration.model import AUTO
from app.domain.methods import METHODS
from scripts.benchmark.running.evaluation import evaluate
from scripts.benchmark.running.options import DEFAULT_TARGETS, LOCAL, RunOptions
from scripts.label_options import add_label_options, label_options
from scripts.scorer_options import DEFAULT_URL, ScorerOptions, add_scorer_options, count, positive

_NO_CALIBRATION = "none"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    _add_data(parser)
    _add_bank(parser)
    add_scorer_options(parser)
    add = parser.add_argument
    add(
        "--calibration",
        default=_NO_CALIBRATION,
        type=_calibration,
        metavar="NAME",
        help="select by the scores of this calibration (see scripts.calibrate) instead of raw ones",
    )
    add(
        "--probabilities",
        action="store_true",
        help="record how likely each selection is, for target sets of at most 200",
    )
    add(
        "--order-check",
        type=count,
        default=0,
        metavar="N",
        help="ask for the first N scenarios in both orders of candidates as well",
    )
    add("--concurrency", type=positive, default=8, metavar="N", help="requests at once")
    add("--dataset", help="name for tables (default: that of the file's folder)")
    add("--label", default="", help="name of the run for tables")


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--scenarios",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON Lines in the format of banks, or the files of the paper's authors and of ALIGN",
    )
    add_label_options(parser)
    add("--method", required=True, choices=[*METHODS, *LOCAL])
    add(
        "--targets",
        nargs="+",
        default=list(DEFAULT_TARGETS),
        metavar="T",
        help="high, low, sampled:FILE, sample:N (N for each number of attributes), all",
    )
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="results folder; resumed if it exists",
    )
    add("--url", default=DEFAULT_URL)
    add("--sample", type=positive, metavar="N", help="a seeded sample of N scenarios")
    add("--sample-seed", type=int, default=0, metavar="S")


def _add_bank(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--bank", metavar="NAME", help="bank of examples (default: the attribute set's)")
    add("--bank-file", type=Path, metavar="FILE", help="store this file as the bank first")
    add(
        "--bank-chars",
        type=positive,
        metavar="N",
        help="store only scenarios of at most N characters of the bank file",
    )


def _calibration(text: str) -> str:
    """`auto` may mean different calibrations for different targets of a run."""
    if text == AUTO:
        raise argparse.ArgumentTypeError("name a calibration: a run has one or none")
    return text


def options_of(arguments: argparse.Namespace) -> RunOptions:
    """The typed options that a command line means."""
    calibration = arguments.calibration
    return RunOptions(
        scenarios=tuple(arguments.scenarios),
        method=arguments.method,
        out=arguments.out,
        targets=tuple(arguments.targets),
        url=arguments.url,
        scorer=ScorerOptions.from_arguments(arguments),
        bank=arguments.bank,
        bank_file=arguments.bank_file,
        bank_chars=arguments.bank_chars,
        labels=label_options(arguments),
        calibration=None if calibration == _NO_CALIBRATION else calibration,
        probabilities=arguments.probabilities,
        sample=arguments.sample,
        sample_seed=arguments.sample_seed,
        order_check=arguments.order_check,
        concurrency=arguments.concurrency,
        dataset=arguments.dataset,
        label=arguments.label,
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the method; 1 if a scenario failed."""
    return 0 if evaluate(options_of(arguments)) else 1
