"""`draw RUN… --out DIR`: accuracy against cost, as a table and pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.frontier.drawing import draw
from scripts.benchmark.records.reading import read_all, runs_in


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--targets", nargs="+", metavar="SET", help="target sets (default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Draw, and print the table."""
    print(draw(read_all(runs_in(arguments.runs)), arguments.out, arguments.targets))
    return 0
