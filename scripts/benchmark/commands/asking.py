"""`asking --scenarios FILE --train FILE`: what ways to ask the same judge take."""

from __future__ import annotations

import argparse

from scripts.benchmark.commands.engine import add_judge_options
from scripts.benchmark.engine.asking import AskingOptions, asking_table, compare_asking
from scripts.scorer_options import positive


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add_judge_options(parser)
    add("--count", type=positive, default=6, metavar="N", help="scenarios, a seeded sample (6)")
    add("--writes", default="vllm", choices=["vllm", "outlines"], help="what writes (vllm)")


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
