"""`frontier --scenarios FILE --train FILE --out DIR`: run and draw modes."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.frontier.drawing import draw
from scripts.benchmark.frontier.measuring import FrontierOptions, measure, run_folders
from scripts.benchmark.frontier.modes import MODES, mode_from
from scripts.benchmark.records.reading import read_all
from scripts.benchmark.running.options import DEFAULT_TARGETS
from scripts.label_options import add_label_options, label_options
from scripts.scorer_options import DEFAULT_SET, DEFAULT_URL


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--scenarios", type=Path, required=True, metavar="FILE", help="to evaluate on")
    add("--train", type=Path, required=True, metavar="FILE", help="for examples and calibrations")
    add_label_options(parser)
    add("--targets", nargs="+", default=list(DEFAULT_TARGETS), metavar="T")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder a run; resumed if it exists",
    )
    add(
        "--mode",
        action="append",
        metavar="NAME[=EVALUATED[:TRAINING]]",
        help="modes, with numbers of scenarios (`all` for all); default: "
        + ", ".join(f"{m.name}={m.scenarios or 'all'}:{m.training or 'all'}" for m in MODES),
    )
    add("--url", default=DEFAULT_URL)
    add("--attribute-set", default=DEFAULT_SET, metavar="NAME")
    add("--attributes", type=Path, metavar="FILE")
    add("--bank-chars", type=int, metavar="N", help="longest examples to show, in characters")
    add("--model", help="name of the model (default: the service's)")
    add("--concurrency", type=int, default=8, metavar="N")
    add("--raw", action="store_true", help="raw scores only, without calibrations")


def run(arguments: argparse.Namespace) -> int:
    """Run the modes one after the other; a mode that fails does not stop the others."""
    options = FrontierOptions(
        scenarios=arguments.scenarios,
        train=arguments.train,
        out=arguments.out,
        targets=tuple(arguments.targets),
        url=arguments.url,
        attribute_set=arguments.attribute_set,
        attributes=arguments.attributes,
        labels=label_options(arguments),
        bank_chars=arguments.bank_chars,
        model=arguments.model,
        concurrency=arguments.concurrency,
        raw_only=arguments.raw,
    )
    modes = [mode_from(text) for text in arguments.mode or ()] or list(MODES)
    failed = [mode.name for mode in modes if not measure(mode, options)]
    print(draw(read_all(run_folders(options.out)), options.out))
    return 1 if failed else 0
