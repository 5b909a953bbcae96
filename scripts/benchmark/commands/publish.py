"""`publish DIR… --out DIR`: compact records of results folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.records.published import PUBLISHED, SUFFIX, publish
from scripts.benchmark.records.reading import name_of, read_results, runs_in


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="folder to write to")


def run(arguments: argparse.Namespace) -> int:
    """Write one file a run."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in runs_in(arguments.runs):
        published = arguments.out / f"{name_of(path)}{SUFFIX}"
        content = publish(read_results(path))
        published.write_bytes(content)
        print(f"{published}: {len(content):,} bytes")
    return 0
