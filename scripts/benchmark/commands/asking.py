"""`asking --scenarios FILE --train FILE`: what ways to ask the same judge take."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.engine.asking import AskingOptions, asking_table, compare_asking
from scripts.scorer_options import positive


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--scenarios", type=Path, required=True, metavar="FILE", help="to score")
    add("--train", type=Path, required=True, metavar="FILE", help="the bank of examples")
    add(
        "--bank-chars",
        type=positive,
        default=2000,
        metavar="N",
        help="longest examples, in characters (2000)",
    )
    add("--count", type=positive, default=6, metavar="N", help="scenarios, a seeded sample (6)")
    add("--writes", default="vllm", choices=["vllm", "outlines"], help="what writes (vllm)")
    add("--model", metavar="FOLDER", help="(default: the small model)")
    add("--dtype", default="auto", help="data type of the weights (auto)")


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print a table in Markdown."""
    settings = {"AZIMUTH_DTYPE": arguments.dtype, "AZIMUTH_KV_CACHE_GB": "2"}
    if arguments.model:
        settings["AZIMUTH_MODEL"] = arguments.model
    options = AskingOptions(
        scenarios=arguments.scenarios,
        train=arguments.train,
        bank_chars=arguments.bank_chars,
        count=arguments.count,
        writes=arguments.writes,
        settings=settings,
    )
    print(asking_table(compare_asking(options), options.count))
    return 0
