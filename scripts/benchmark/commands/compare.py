"""`compare A B`: the difference in accuracy of two runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.pages.comparison import compare


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("a", type=Path, metavar="A", help="a run")
    parser.add_argument("b", type=Path, metavar="B", help="the run to compare it with")
    parser.add_argument("--targets", nargs="*", help="target sets (default: all that both have)")


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison."""
    print(compare(arguments.a, arguments.b, arguments.targets))
    return 0
