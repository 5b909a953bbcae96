"""`load`: measure how fast a service answers from its cache, on this machine."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

import msgspec

from scripts.benchmark.load.service import running_service
from scripts.benchmark.load.tables import cached_select, compact, retarget
from scripts.scorer_options import positive


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--clients", type=positive, nargs="+", default=[1, 32, 200, 1000], metavar="N")
    add("--seconds", type=positive, default=10, help="length of each measurement (10)")
    add("--score-sets", type=positive, default=500, metavar="N", help="of the compact request")
    add("--out", type=Path, metavar="FILE", help="write the figures as JSON as well")


def run(arguments: argparse.Namespace) -> int:
    """Start a service with the fake engine, measure, and print tables in Markdown."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    with running_service() as url:
        selects = cached_select(url, arguments.clients, arguments.seconds)
        few = [count for count in arguments.clients if count <= 32]
        retargets = retarget(url, few, arguments.seconds)
        many = compact(url, arguments.score_sets)
    print(f"On {machine}; service, Redis and load generator share the cores.\n")
    print("| cached `/select`, clients | requests/s | p50 ms | p99 ms | p99 / p50 | errors |")
    print("|---|---|---|---|---|---|")
    for one in selects:
        print(
            f"| {one.clients} | {one.requests_per_s:.0f} | {one.p50_ms:.2f} | {one.p99_ms:.2f} "
            f"| {one.p99_ms / one.p50_ms:.1f} | {one.errors} |"
        )
    print("\n| `/retarget`, one pair, clients | requests/s | bare route | throughput | p50 ratio |")
    print("|---|---|---|---|---|")
    for pair in retargets:
        print(
            f"| {pair.service.clients} | {pair.service.requests_per_s:.0f} "
            f"| {pair.bare.requests_per_s:.0f} | {pair.throughput:.2f} | {pair.p50:.1f} |"
        )
    print(
        f"\nCompact `/retarget`, {many.pairs:,} pairs: {many.request_s:.2f} s, "
        f"{many.ratio:.1f} times NumPy's arithmetic."
    )
    if arguments.out:
        figures = {"machine": machine, "select": selects, "retarget": retargets, "compact": many}
        arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    return 0
