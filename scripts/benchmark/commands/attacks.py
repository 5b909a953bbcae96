"""`attacks`: measure how much texts that attack the judge change its scores."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import msgspec

from scripts.benchmark.attacks.scenarios import SCENES
from scripts.benchmark.attacks.shifts import Trial, shifts_of, table
from scripts.benchmark.attacks.trials import CHARACTERS, SCORERS, Extent, try_all
from scripts.client.connection import api_key_of_environment
from scripts.client.service import Service
from scripts.scorer_options import DEFAULT_URL, positive


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--url", default=DEFAULT_URL)
    add(
        "--scorer",
        nargs="+",
        choices=SCORERS,
        default=["digits"],
        help="how to score: `digits` in two orders, or `written` after a sentence of reasoning",
    )
    add("--scenarios", type=positive, default=len(SCENES), metavar="N", help="of these few")
    add("--per-kind", type=positive, metavar="N", help="attacks of each kind (default: all)")
    add(
        "--characters",
        type=positive,
        default=CHARACTERS,
        metavar="N",
        help="longer attacks are cut (%(default)s)",
    )
    add("--concurrency", type=positive, default=8, metavar="N")
    add("--out", type=Path, metavar="FILE", help="write shifts and trials as JSON as well")


def run(arguments: argparse.Namespace) -> int:
    """Try the attacks on a running service, and print a table for each way of scoring."""
    extent = Extent(arguments.scenarios, arguments.per_kind, arguments.characters)
    written: dict[str, object] = {}
    for scorer in arguments.scorer:
        trials = asyncio.run(_tried(arguments, scorer, extent))
        shifts = shifts_of(trials)
        print(f"{table(shifts, scorer)}\n")
        written[scorer] = {"shifts": shifts, "trials": trials}
        if arguments.out:
            arguments.out.write_bytes(msgspec.json.encode(written))
    return 0


async def _tried(arguments: argparse.Namespace, scorer: str, extent: Extent) -> list[Trial]:
    key = api_key_of_environment()
    async with Service(arguments.url, arguments.concurrency, api_key=key) as service:
        return await try_all(service, scorer, extent)
