"""`table RUN…`: a short Markdown table, accuracy in % with 95 % intervals."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.pages.tables import table
from scripts.benchmark.records.reading import read_all, runs_in


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    print(table(read_all(runs_in(arguments.runs))))
    return 0
