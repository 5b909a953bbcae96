"""`groups`: measure what examples for a group, and choosing for people and groups, are worth."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scripts.benchmark.groups.choices import (
    matrix_table,
    opinion_table,
    people_tables,
    reading_table,
)
from scripts.benchmark.groups.retrieving import GroupResult, retrieve
from scripts.benchmark.groups.speed import large_bank, timed
from scripts.benchmark.groups.tables import retrieval_table, weights_table
from scripts.benchmark.records.spica import Kind, blocks_of, published_errors, read_spica
from scripts.benchmark.retrieval.vectors import sentences
from scripts.scorer_options import positive
from workers.retrieval.embedding import create_embedder

SPICA = Path(__file__).resolve().parents[4] / "shared" / "data" / "spica"
OPINIONS = SPICA.parent / "opinionqa"
_RATINGS: dict[str, Kind] = {"strategies": "rating", "texts": "text_rating"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure (all)")
    add("--spica", type=Path, default=SPICA, metavar="DIR", help="SPICA's data (%(default)s)")
    add("--opinions", type=Path, default=OPINIONS, metavar="DIR", help="OpinionQA (%(default)s)")
    add("--picture", type=Path, metavar="FILE", help="draw the learning curves of people as SVG")
    add("--embedder", default="minilm", help="as AZIMUTH_EMBEDDER (minilm)")
    add(
        "--leave-out",
        choices=("raters", "prompt"),
        default="raters",
        help="what the bank lacks for each prompt: its raters' prompts, or itself alone (raters)",
    )
    add("--scenarios", type=positive, default=100_000, metavar="N", help="for speed (100000)")
    add("--queries", type=positive, default=200, metavar="N", help="for speed (200)")


def run(arguments: argparse.Namespace) -> int:
    """Measure the parts, and print tables in Markdown."""
    for part in arguments.parts:
        PARTS[part](arguments)
    return 0


def _retrieval(arguments: argparse.Namespace) -> None:
    embedder = create_embedder(arguments.embedder)
    results: dict[str, dict[str, GroupResult]] = {}
    for name, kind in _RATINGS.items():
        bank = read_spica(arguments.spica / "train.jsonl", kind)
        vectors = embedder.encode([one.question for one in bank.scenarios])
        blocks = blocks_of(bank)
        parts = blocks if arguments.leave_out == "raters" else np.arange(len(blocks))
        results[name] = retrieve(bank, vectors, parts)
        published = published_errors(arguments.spica, bank) if kind == "text_rating" else {}
        print(f"Ratings of {name}, {len(blocks)} prompts:\n")
        print(f"{retrieval_table(results[name], blocks, published)}\n", flush=True)
    print(f"{weights_table(results)}\n")


def _speed(arguments: argparse.Namespace) -> None:
    texts = sentences([], 1000 + arguments.queries)
    vectors = create_embedder(arguments.embedder).encode(texts)
    bank = large_bank(vectors[arguments.queries :], arguments.scenarios)
    print(f"{arguments.scenarios:,} rated scenarios, {os.cpu_count()} cores:\n")
    print("| retrieval | p50 ms | p99 ms | processor ms |\n|---|---|---|---|")
    for kind, (wall, own) in timed(bank, vectors[: arguments.queries]).items():
        median, most = np.quantile(wall, [0.5, 0.99])
        print(f"| {kind} | {median:.1f} | {most:.1f} | {np.median(own):.1f} |")


def _people(arguments: argparse.Namespace) -> None:
    print(f"{people_tables(arguments.spica, arguments.picture)}\n", flush=True)
    print(f"{reading_table(arguments.spica)}\n", flush=True)


def _opinions(arguments: argparse.Namespace) -> None:
    print(f"{opinion_table(arguments.opinions)}\n", flush=True)


def _matrix(_: argparse.Namespace) -> None:
    print(f"{matrix_table()}\n", flush=True)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "retrieval": _retrieval,
    "speed": _speed,
    "people": _people,
    "opinions": _opinions,
    "matrix": _matrix,
}
"""What can be measured."""
