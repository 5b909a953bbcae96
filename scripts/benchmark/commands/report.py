"""`report RUN… --out DIR`: a page with tables and plots of runs, and of groups and people."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.pages.report import write_report
from scripts.benchmark.records.group_figures import apart
from scripts.benchmark.records.reading import read_all, runs_in


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run, or folder that groups wrote"
    )
    parser.add_argument("--out", type=Path, default=Path("report"), help="folder to write to")


def run(arguments: argparse.Namespace) -> int:
    """Write the report."""
    out = arguments.out
    runs, figures = apart(arguments.runs)
    write_report(read_all(runs_in(runs)), out, figures)
    print(f"{out}/report.html, {out}/report.md, {out}/plots/")
    return 0
