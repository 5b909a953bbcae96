"""`engine --scenarios FILE --train FILE`: Azimuth, `LLM.generate` and the paper's way."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

import msgspec

from scripts.benchmark.engine.measuring import ORDERS, EngineOptions, compare
from scripts.benchmark.engine.table import table
from scripts.scorer_options import count, positive


def add_judge_options(parser: argparse.ArgumentParser) -> None:
    """Describe what is scored, with which examples, by which model."""
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
    add("--model", metavar="FOLDER", help="(default: the small model)")
    add("--dtype", default="auto", help="data type of the weights (auto)")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add_judge_options(parser)
    add("--count", type=positive, default=12, metavar="N", help="scenarios, a seeded sample (12)")
    add(
        "--alone",
        type=count,
        default=2,
        metavar="N",
        help="of these as the paper did: those of ordinary length (2); 0 for none",
    )
    add("--attributes", nargs="+", default=["helpfulness", "verbosity"], metavar="NAME")
    add("--rounds", type=positive, default=2, metavar="N", help="turns of service and list (2)")
    add("--default-only", action="store_true", help="no other orders of prompts")
    add("--kv-cache-gb", type=positive, default=2, metavar="N", help="of vLLM on a CPU (2)")
    add("--out", type=Path, metavar="FILE", help="write the figures as JSON as well")


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print a table in Markdown."""
    settings = {
        "AZIMUTH_ENGINE": "vllm",
        "AZIMUTH_DTYPE": arguments.dtype,
        "AZIMUTH_KV_CACHE_GB": str(arguments.kv_cache_gb),
    }
    if arguments.model:
        settings["AZIMUTH_MODEL"] = arguments.model
    options = EngineOptions(
        scenarios=arguments.scenarios,
        train=arguments.train,
        bank_chars=arguments.bank_chars,
        count=arguments.count,
        alone=min(arguments.alone, arguments.count),
        attributes=tuple(arguments.attributes),
        rounds=arguments.rounds,
        orders=() if arguments.default_only else tuple(ORDERS)[1:],
        settings=settings,
    )
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    compared = compare(options)
    print(f"On {machine}; {len(options.attributes)} attributes a scenario, tokens a scenario.\n")
    print(table(compared))
    if arguments.out:
        figures = {"machine": machine, "attributes": options.attributes, "compared": compared}
        arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    return 0
