"""`groups`: measure what examples for a group, and choosing for people and groups, are worth."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from scripts.benchmark.groups.figures import (
    opinion_figures,
    people_figures,
    reading_figures,
    retrieval_figures,
)
from scripts.benchmark.groups.matrix import matrix_table
from scripts.benchmark.groups.people import read_ratings
from scripts.benchmark.groups.retrieving import retrieve
from scripts.benchmark.groups.speed import large_bank, timed
from scripts.benchmark.pages import drawing
from scripts.benchmark.pages.parts.groups import groups_section
from scripts.benchmark.pages.plots.groups import curve_plot
from scripts.benchmark.pages.report import markdown
from scripts.benchmark.records.group_figures import (
    GroupFigures,
    PeopleFigures,
    RetrievalFigures,
    keep_figures,
)
from scripts.benchmark.records.spica import Kind, blocks_of, published_errors, read_spica
from scripts.benchmark.retrieval.vectors import sentences
from scripts.scorer_options import positive
from workers.retrieval.embedding import create_embedder

SPICA = Path(__file__).resolve().parents[4] / "shared" / "data" / "spica"
OPINIONS = SPICA.parent / "opinionqa"
_FILES = ("train.jsonl", "bank_ratings.jsonl")
_RATINGS: dict[str, Kind] = {"strategies": "rating", "texts": "text_rating"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure (all)")
    add("--spica", type=Path, default=SPICA, metavar="DIR", help="SPICA's data (%(default)s)")
    add("--opinions", type=Path, default=OPINIONS, metavar="DIR", help="OpinionQA (%(default)s)")
    add("--out", type=Path, metavar="DIR", help="folder to keep figures in, for `report`")
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
    """Measure the parts, print tables in Markdown, and keep what a report shows."""
    for part in arguments.parts:
        figures = PARTS[part](arguments)
        if figures is None:
            continue
        section = groups_section(1, part, figures)
        print(markdown([section], f"Benchmark of groups: {part}"), flush=True)
        if arguments.out is not None:
            keep_figures(arguments.out, figures)
    if arguments.out is not None:
        out = arguments.out
        print(f"python -m scripts.benchmark report {out} --out {out / 'report'}")
    return 0


def _retrieval(arguments: argparse.Namespace) -> GroupFigures:
    embedder = create_embedder(arguments.embedder)
    by_raters = arguments.leave_out == "raters"
    found: dict[str, RetrievalFigures] = {}
    for name, kind in _RATINGS.items():
        bank = read_spica(arguments.spica / "train.jsonl", kind)
        vectors = embedder.encode([one.question for one in bank.scenarios])
        blocks = blocks_of(bank)
        results = retrieve(bank, vectors, blocks if by_raters else np.arange(len(blocks)))
        published = published_errors(arguments.spica, bank) if kind == "text_rating" else {}
        figures = retrieval_figures(results, blocks, published)
        found[name] = msgspec.structs.replace(
            figures,
            embedder=arguments.embedder,
            left_out="the prompts of the same raters" if by_raters else "the prompt",
        )
    return GroupFigures(retrieval=found)


def _speed(arguments: argparse.Namespace) -> None:
    texts = sentences([], 1000 + arguments.queries)
    vectors = create_embedder(arguments.embedder).encode(texts)
    bank = large_bank(vectors[arguments.queries :], arguments.scenarios)
    print(f"{arguments.scenarios:,} rated scenarios, {os.cpu_count()} cores:\n")
    print("| retrieval | p50 ms | p99 ms | processor ms |\n|---|---|---|---|")
    for kind, (wall, own) in timed(bank, vectors[: arguments.queries]).items():
        median, most = np.quantile(wall, [0.5, 0.99])
        print(f"| {kind} | {median:.1f} | {most:.1f} | {np.median(own):.1f} |")
    print(flush=True)


def _people(arguments: argparse.Namespace) -> GroupFigures:
    files = [arguments.spica / name for name in _FILES]
    found: dict[str, PeopleFigures] = {
        name: people_figures(read_ratings(files, kind)) for name, kind in _RATINGS.items()
    }
    if arguments.picture is not None:
        picture = drawing.compact(drawing.on_white(curve_plot(found)))
        arguments.picture.write_text(picture, "utf-8")
    return GroupFigures(people=found, reading=reading_figures(arguments.spica))


def _opinions(arguments: argparse.Namespace) -> GroupFigures:
    return GroupFigures(opinions=opinion_figures(arguments.opinions))


def _matrix(_: argparse.Namespace) -> None:
    print(f"{matrix_table()}\n", flush=True)


PARTS: dict[str, Callable[[argparse.Namespace], GroupFigures | None]] = {
    "retrieval": _retrieval,
    "speed": _speed,
    "people": _people,
    "opinions": _opinions,
    "matrix": _matrix,
}
"""What can be measured. Times of `speed` and `matrix` are printed only: they are the machine's."""
