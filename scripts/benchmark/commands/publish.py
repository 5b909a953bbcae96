"""`publish DIR… --out FILE`: add results folders to an archive of published runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.records.published import PUBLISHED, publish, read_archive, write_archive
from scripts.benchmark.records.reading import read_results, runs_in


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=PUBLISHED, metavar="FILE", help="the archive")


def run(arguments: argparse.Namespace) -> int:
    """Add the runs; one of the same name is replaced."""
    out: Path = arguments.out
    archived = read_archive(out) if out.exists() else {}
    for path in runs_in(arguments.runs):
        archived[path.name] = publish(read_results(path))
    write_archive(out, archived)
    print(f"{out}: {len(archived)} runs, {out.stat().st_size:,} bytes")
    return 0
