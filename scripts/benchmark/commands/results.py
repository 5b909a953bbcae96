"""`results`: write the tables and pictures of RESULTS.md from the published runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.benchmark.records.published import PUBLISHED
from scripts.benchmark.records.reading import read_all, runs_in
from scripts.benchmark.results.pictures import pictures
from scripts.benchmark.results.tables import Published, with_tables

PAGE = PUBLISHED.parent / "RESULTS.md"
PICTURES = PUBLISHED.parent / "pictures"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--page", type=Path, default=PAGE, help="text to write the tables into")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder of the pictures")


def run(arguments: argparse.Namespace) -> int:
    """Write the page and the pictures."""
    published = Published(read_all(runs_in([PUBLISHED])))
    text = arguments.page.read_text("utf-8")
    arguments.page.write_text(with_tables(text, published), "utf-8")
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    for name, svg in pictures(published).items():
        (arguments.pictures / name).write_text(svg, "utf-8")
    print(f"{arguments.page}, {arguments.pictures}/")
    return 0
