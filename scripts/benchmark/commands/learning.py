"""`learning --scenarios FILE --train FILE --method M --out DIR`: what few labels bring."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.domain.methods import METHODS
from scripts.benchmark.learning.measuring import LearningOptions, measure
from scripts.benchmark.learning.table import points_of, table
from scripts.benchmark.measures.evaluated import evaluate
from scripts.benchmark.records.reading import read_all, runs_in
from scripts.benchmark.running.options import DEFAULT_TARGETS, RunOptions
from scripts.label_options import add_label_options, label_options
from scripts.scorer_options import DEFAULT_URL, ScorerOptions, add_scorer_options, positive

_SIZES = (25, 50, 100, 200)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    scoring = [name for name, traits in METHODS.items() if traits.kind == "score"]
    add("--scenarios", type=Path, required=True, metavar="FILE", help="to evaluate on")
    add("--train", type=Path, required=True, metavar="FILE", help="to draw samples from")
    add_label_options(parser)
    add("--method", default="probe", choices=scoring)
    add("--bank", help="bank of examples (default: the attribute set's own)")
    add("--only", nargs="+", metavar="NAME", help="these of the attributes; all if not given")
    add_scorer_options(parser)
    add("--targets", nargs="+", default=list(DEFAULT_TARGETS), metavar="T")
    add("--sizes", nargs="+", type=positive, default=list(_SIZES), metavar="N")
    add("--draws", type=positive, default=10, metavar="N", help="samples of each size")
    add("--sample-seed", type=int, default=0, metavar="S")
    add("--name", default="learning", help="of the bank that the command stores")
    add("--beside", nargs="*", default=[], type=Path, metavar="RUN", help="runs to show as well")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder a run; resumed if it exists",
    )
    add("--url", default=DEFAULT_URL)
    add("--concurrency", type=positive, default=8, metavar="N")


def run(arguments: argparse.Namespace) -> int:
    """Measure what is missing, and print the table."""
    evaluation = RunOptions(
        scenarios=(arguments.scenarios,),
        method=arguments.method,
        out=arguments.out,
        targets=tuple(arguments.targets),
        url=arguments.url,
        scorer=ScorerOptions.from_arguments(arguments),
        bank=arguments.bank,
        labels=label_options(arguments),
        sample_seed=arguments.sample_seed,
        concurrency=arguments.concurrency,
    )
    options = LearningOptions(
        evaluation=evaluation,
        name=arguments.name,
        train=arguments.train,
        sizes=tuple(arguments.sizes),
        draws=arguments.draws,
        only=tuple(arguments.only or ()),
    )
    succeeded = measure(options)
    beside = [evaluate(*one) for one in read_all(runs_in(arguments.beside))]
    print(table(points_of(arguments.out), beside))
    return 0 if succeeded else 1
