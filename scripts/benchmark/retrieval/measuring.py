"""Makes an index as a worker does, and measures it in a new process, as after a worker's start."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from msgspec import Struct

from scripts.benchmark.retrieval.vectors import Draw, fill
from workers.retrieval.embedding import Vectors
from workers.retrieval.index import ExampleIndex
from workers.retrieval.saved import IndexFolder, IndexKey, digests_of

_WANTED = 10
_SAME = 1e-6
"""Vectors whose similarities differ by less are equally good."""


class Made(Struct, frozen=True):
    """How long an index took to make, without the embeddings, and what it takes."""

    seconds: float
    bytes: int


class Searched(Struct, frozen=True):
    """One query at a time against an index, or against all vectors."""

    recall: float
    """Share of the ten found that are as similar as the tenth of the exact search."""
    p50_ms: float
    p99_ms: float
    processor_ms: float
    """Median of the processor's time."""


class Opened(Struct, frozen=True):
    """A saved index in a new process."""

    seconds: float
    """From the folder's name to an index that answers: checks of all files included."""
    anonymous_mb: float
    """Memory of the process itself that index and searches added."""
    mapped_mb: float
    """Pages of mapped files, which all workers of the host share."""
    approximate: Searched
    exact: Searched


def make(folder: Path, key: IndexKey, draw: Draw, dimensions: int) -> Made:
    """Fill and save an index."""
    saved = IndexFolder(folder)
    with saved.lock(key):
        draft = saved.start(key)
        vectors = draft.vectors(dimensions)
        fill(vectors, draw)
        draft.made(vectors, len(vectors))
        started = time.perf_counter()
        draft.finish(vectors, digests_of([str(row) for row in range(len(vectors))]))
        seconds = time.perf_counter() - started
    return Made(seconds, sum(one.stat().st_size for one in folder.rglob(f"{key.bank}/*")))


def measure(folder: Path, key: IndexKey, queries: Vectors) -> Opened:
    """Open the index in a new process and search in it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, folder, key, queries).result()


def _measured(folder: Path, key: IndexKey, queries: Vectors) -> Opened:
    before, _ = _memory_mb()
    started = time.perf_counter()
    saved = IndexFolder(folder).open(key)
    if saved is None:
        raise ValueError(f"no index in {folder}")
    index = saved.index
    index.search(queries[0], _WANTED)
    seconds = time.perf_counter() - started
    found, times = _timed(index, queries)
    anonymous, mapped = _memory_mb()
    exact, exact_times = _timed(ExampleIndex(saved.vectors), queries)
    hits = sum(
        sum(similarity >= best[-1] - _SAME for similarity in some)
        for some, best in zip(found, exact, strict=True)
    )
    return Opened(
        seconds,
        anonymous - before,
        mapped,
        _searched(hits / sum(map(len, exact)), times),
        _searched(1.0, exact_times),
    )


def _timed(
    index: ExampleIndex, queries: Vectors
) -> tuple[list[list[float]], list[tuple[int, int]]]:
    found: list[list[float]] = []
    times: list[tuple[int, int]] = []
    for query in queries:
        started, processor = time.perf_counter_ns(), time.process_time_ns()
        nearest = index.search(query, _WANTED)
        times.append((time.perf_counter_ns() - started, time.process_time_ns() - processor))
        found.append([one.similarity for one in nearest])
    return found, times


def _searched(recall: float, times: list[tuple[int, int]]) -> Searched:
    wall, processor = np.array(times).T / 1e6
    return Searched(
        recall,
        float(np.median(wall)),
        float(np.quantile(wall, 0.99)),
        float(np.median(processor)),
    )


def _memory_mb() -> tuple[float, float]:
    """This process's anonymous memory, and its pages of files (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    anonymous, mapped = (int(fields[name].split()[0]) / 1000 for name in ("RssAnon", "RssFile"))
    return anonymous, mapped
