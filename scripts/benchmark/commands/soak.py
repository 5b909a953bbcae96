"""`soak`: ask a service for minutes while its processes are killed, and check every answer."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from scripts.benchmark.soak.soaking import Outcome, Plan, soak
from scripts.scorer_options import positive

_SHOWN = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--seconds", type=positive, default=300, help="how long clients ask (300)")
    add("--clients", type=positive, default=16, help="clients at the same time (16)")
    add("--workers", type=positive, default=2, help="worker processes (2)")
    add("--break-every", type=positive, default=5, metavar="S", help="seconds between kills (5)")
    add("--scenarios", type=positive, default=2000, help="different scenarios (2000)")
    add("--seed", type=int, default=0, help="what is asked and killed (0)")
    add("--out", type=Path, metavar="FILE", help="write the figures as JSON as well")


def run(arguments: argparse.Namespace) -> int:
    """Start a service with the fake engine, break it while it is asked, and print a table."""
    plan = Plan(
        seconds=arguments.seconds,
        clients=arguments.clients,
        workers=arguments.workers,
        break_every_s=arguments.break_every,
        scenarios=arguments.scenarios,
        seed=arguments.seed,
    )
    with tempfile.TemporaryDirectory(prefix="azimuth-soak-") as folder:
        outcome = soak(plan, Path(folder))
    figures = _figures(outcome)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"{plan.seconds:g} s, {plan.clients} clients, {plan.workers} workers, on {machine}.\n")
    print("| | |\n|---|---|")
    for name, value in figures.items():
        print(f"| {name} | {value} |")
    for wrong in outcome.tally.wrong[:_SHOWN]:
        print(f"error: {wrong}", file=sys.stderr)
    if arguments.out:
        arguments.out.write_text(json.dumps({"machine": machine, **figures}, indent=1))
    return 0 if outcome.passed else 1


def _figures(outcome: Outcome) -> dict[str, str]:
    tally = outcome.tally
    asked = ", ".join(f"{kind} {count:,}" for kind, count in tally.asked.most_common())
    kills = ", ".join(f"{kind} {count}" for kind, count in sorted(outcome.kills.items()))
    seconds = statistics.quantiles(tally.seconds, n=100) if len(tally.seconds) > 1 else [0.0] * 99
    return {
        "requests": f"{tally.asked.total():,} ({asked})",
        "answers": f"{tally.answered.total():,}",
        "wrong answers": f"{len(tally.wrong)}",
        "sent again (connection broken, 429 or 503)": f"{tally.repeated:,}",
        "broken": f"{sum(outcome.kills.values())} ({kills})",
        "answers of the model": f"{outcome.model_answers:,}",
        "prompts answered twice at the same time": f"{outcome.overlaps}",
        "left in Redis": ", ".join(f"{kind} {count}" for kind, count in outcome.left.items()),
        "seconds to an answer, p50 / p99 / longest": f"{seconds[49]:.2f} / {seconds[98]:.2f} / "
        f"{max(tally.seconds, default=0.0):.1f}",
    }
