"""`retrieval`: measure the search of examples in a large bank."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

import msgspec
import numpy as np

from app.domain.search import search_of
from scripts.benchmark.retrieval.measuring import Made, Opened, make, measure
from scripts.benchmark.retrieval.vectors import Draw, like_texts, random_directions, sentences
from scripts.scorer_options import positive
from workers.retrieval.embedding import Vectors, create_embedder
from workers.retrieval.saved import IndexKey

_KINDS = ("text", "spread", "random")
_HEADER = """\
| vectors | queries | made in s | on disk GB | opened in s | memory MB | mapped MB | recall@10 \
| p50 ms | p99 ms | processor ms | exact p50 ms |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add = parser.add_argument
    add("--examples", type=positive, default=1_000_000, metavar="N", help="(1000000)")
    add("--queries", type=positive, default=200, metavar="N", help="(200)")
    add("--sentences", type=positive, default=4000, metavar="N", help="to embed (4000)")
    add("--embedder", default="minilm", help="as AZIMUTH_EMBEDDER (minilm)")
    add("--texts", type=Path, nargs="+", default=[], metavar="FILE", help="more scenario files")
    add("--embedded", type=Path, metavar="FILE", help="the sentences' vectors: read, else written")
    add("--kinds", nargs="+", choices=_KINDS, default=_KINDS, help="vectors and queries")
    add("--folder", type=Path, help="for the indexes, 2 GB for a million (default: a temporary)")
    add("--out", type=Path, metavar="FILE", help="write the figures as JSON as well")


def run(arguments: argparse.Namespace) -> int:
    """Make indexes, search in them, and print a table in Markdown."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    search = search_of(arguments.examples) or "exact"
    print(f"{arguments.examples:,} examples, search {search}, on {machine}.\n\n{_HEADER}")
    figures: dict[str, object] = {"machine": machine, "examples": arguments.examples}
    with tempfile.TemporaryDirectory(prefix="azimuth-retrieval-", dir=arguments.folder) as name:
        made: dict[str, Made] = {}
        for kind, (vectors, draw, queries) in _drawn(arguments).items():
            key = IndexKey(vectors, "benchmark", arguments.examples)
            if vectors not in made:
                made[vectors] = make(Path(name), key, draw, queries.shape[1])
            opened = measure(Path(name), key, queries)
            figures[kind] = {"made": made[vectors], "opened": opened}
            print(_row(kind, made[vectors], opened), flush=True)
    if arguments.out:
        arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    return 0


def _drawn(arguments: argparse.Namespace) -> dict[str, tuple[str, Draw, Vectors]]:
    """For each kind: the name of its vectors, how they are drawn, and queries."""
    drawn: dict[str, tuple[str, Draw, Vectors]] = {}
    count = arguments.queries
    dimensions = 384
    if {"text", "spread"} & set(arguments.kinds):
        embedded = _embedded(arguments, arguments.sentences + count)
        mixed = embedded[np.random.default_rng(0).permutation(len(embedded))]
        queries, base = mixed[:count], mixed[count:]
        dimensions = base.shape[1]
        drawn["text"] = ("text", like_texts(base, 1), queries)
        drawn["spread"] = ("text", like_texts(base, 1), like_texts(base, 2)(count))
    drawn["random"] = (
        "random",
        random_directions(dimensions, 1),
        random_directions(dimensions, 2)(count),
    )
    return {kind: drawn[kind] for kind in arguments.kinds}


def _embedded(arguments: argparse.Namespace, count: int) -> Vectors:
    if arguments.embedded and arguments.embedded.exists():
        known: Vectors = np.load(arguments.embedded)[:count]
        return known
    texts = sentences(arguments.texts, count)
    vectors = create_embedder(arguments.embedder).encode(texts)
    if arguments.embedded:
        np.save(arguments.embedded, vectors)
    return vectors


def _row(kind: str, made: Made, opened: Opened) -> str:
    names = {
        "text": "like texts | of other texts",
        "spread": "like texts | of the same kind",
        "random": "random directions | random directions",
    }
    found = opened.approximate
    return (
        f"| {names[kind]} | {made.seconds:.0f} | {made.bytes / 1e9:.2f} | {opened.seconds:.1f} "
        f"| {opened.anonymous_mb:.0f} | {opened.mapped_mb:.0f} | {found.recall:.3f} "
        f"| {found.p50_ms:.1f} | {found.p99_ms:.1f} | {found.processor_ms:.1f} "
        f"| {opened.exact.p50_ms:.0f} |"
    )
