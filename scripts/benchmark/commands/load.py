"""`load`: measure how fast a service answers from its cache, on this machine."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec

from scripts.benchmark.load.keys import with_keys
from scripts.benchmark.load.scenarios import ONE, TARGET, many
from scripts.benchmark.load.service import running_service
from scripts.benchmark.load.tables import Against, Cached, cached_select, compact, retarget
from scripts.scorer_options import positive

_FEW = 32
"""Most clients of the comparisons with the bare route and between numbers of processes."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--clients", type=positive, nargs="+", default=[1, 32, 200, 1000], metavar="N")
    add("--seconds", type=positive, default=10, help="length of each measurement (10)")
    add("--scenarios", type=positive, default=1000, metavar="N", help="different ones (1000)")
    add("--score-sets", type=positive, default=500, metavar="N", help="of the compact request")
    add("--processes", type=positive, nargs="*", default=[1, 2], metavar="N", help="of the API")
    add("--out", type=Path, metavar="FILE", help="write the figures as JSON as well")


def run(arguments: argparse.Namespace) -> int:
    """Start services with the fake engine, measure, and print tables in Markdown."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"On {machine}; service, Redis and load generator share the cores.", flush=True)
    clients, seconds = arguments.clients, arguments.seconds
    scenarios = many(arguments.scenarios)
    figures: dict[str, object] = {"machine": machine}
    with running_service() as service:
        for name, bodies in (("many", scenarios), ("one", [ONE | {"target": TARGET}])):
            selects = cached_select(service, bodies, clients, seconds)
            figures[f"select-{name}"] = selects
            _print_selects(f"cached `/select`, {len(bodies)} scenarios, clients", selects)
        few = [count for count in clients if count <= _FEW]
        figures["retarget"] = retargets = retarget(service.url, few, seconds)
        _print_retargets(retargets)
        figures["compact"] = pairs = compact(service.url, arguments.score_sets)
    print(
        f"\nCompact `/retarget`, {pairs.pairs:,} pairs: {pairs.request_s:.2f} s, "
        f"{pairs.ratio:.1f} times NumPy's arithmetic.",
        flush=True,
    )
    by_processes: dict[str, list[Cached]] = {}
    for count in arguments.processes:
        with running_service(count) as service:
            by_processes[str(count)] = cached_select(service, scenarios, [_FEW], seconds)
    figures["processes"] = by_processes
    _print_selects("API processes", [one for (one,) in by_processes.values()], list(by_processes))
    figures["keys"] = keys = with_keys(scenarios[:100], _FEW, seconds)
    print(
        f"\nWith API keys: {keys.throughput:.2f} times the requests of a service without keys, at "
        f"{keys.cpu:.2f} times the processor time ({_FEW} clients, median of {len(keys.keyed)} "
        "rounds in turn)."
    )
    if arguments.out:
        arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    return 0


def _print_selects(
    title: str, selects: Sequence[Cached], names: Sequence[str] | None = None
) -> None:
    print(f"\n| {title} | requests/s | p50 ms | p99 ms | p99 / p50 | API CPU ms | errors |")
    print("|---|---|---|---|---|---|---|")
    for row, one in enumerate(selects):
        got = one.measured
        print(
            f"| {names[row] if names else got.clients} | {got.requests_per_s:.0f} "
            f"| {got.p50_ms:.2f} | {got.p99_ms:.2f} | {got.p99_ms / got.p50_ms:.1f} "
            f"| {one.cpu_ms:.3f} | {got.errors} |",
            flush=True,
        )


def _print_retargets(retargets: Sequence[Against]) -> None:
    print("\n| `/retarget`, one pair, clients | requests/s | bare route | throughput | p50 ratio |")
    print("|---|---|---|---|---|")
    for pair in retargets:
        print(
            f"| {pair.service.clients} | {pair.service.requests_per_s:.0f} "
            f"| {pair.bare.requests_per_s:.0f} | {pair.throughput:.2f} | {pair.p50:.1f} |",
            flush=True,
        )
