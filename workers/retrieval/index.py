"""The example index over a bank's questions: FAISS."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import faiss as _faiss
import numpy as np

from app.domain.search import search_of
from workers.retrieval.embedding import Vectors
from workers.retrieval.examples import Neighbour, Rows

faiss: Any = _faiss  # its type stubs are incomplete

_SEED = 1234
_TRAINED_ON = 40
"""Vectors for each list that the lists are trained on. FAISS asks for 39."""
_PROBED = 48
"""Lists that a search looks into."""
_CANDIDATES = 4
"""Candidates for each wanted neighbour; the exact similarity then ranks them."""
_FEWEST_CANDIDATES = 100
_EXACT_SHARE = 16
"""From this part of a bank on, a search compares everything: it takes no longer."""
_FEW_ROWS = 10_000
"""Rows that are compared one by one when the nearest of some rows are asked for."""
_CHUNK = 50_000
"""Vectors that are read from a mapped file at once."""


class Lists:
    """Coarse search in a large bank: vectors in 8 bits a number, in lists around centroids.

    The same vectors give the same lists, so a bank has the same examples wherever it is indexed.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: Vectors) -> Self:
        """Train the lists on a sample and fill them, with memory for a byte a number."""
        count, dimensions = vectors.shape
        lists = int(2 * np.sqrt(count))
        quantizer = faiss.IndexFlatIP(dimensions)
        index = faiss.IndexIVFScalarQuantizer(
            quantizer, dimensions, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed = _SEED
        index.cp.max_points_per_centroid = _TRAINED_ON
        sample = np.random.default_rng(_SEED).permutation(count)[: lists * _TRAINED_ON]
        index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
        for start in range(0, count, _CHUNK):
            index.add(np.ascontiguousarray(vectors[start : start + _CHUNK]))
        return cls(index)

    @classmethod
    def mapped(cls, path: Path) -> Self:
        """Map lists that `write` wrote. Raises `RuntimeError` if the file is not theirs."""
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        # Look into all lists once, or each of the first queries would wait for thousands of pages.
        anything = np.ones((1, index.d), dtype=np.float32)
        index.search(anything, 1, params=faiss.SearchParametersIVF(nprobe=index.nlist))
        return cls(index)

    def write(self, path: Path) -> None:
        """Write the lists to a file. Raises `OSError`."""
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(f"{path} could not be written: {error}") from error

    def search(self, query: Vectors, count: int, among: Rows | None = None) -> Rows:
        """Return up to `count` rows near `query` (dimensions,), of the given ones if any."""
        # Those that are farther away are spread over more lists.
        probed = int(_PROBED * max(1.0, count / _FEWEST_CANDIDATES) ** 0.5)
        parameters = faiss.SearchParametersIVF(nprobe=min(self._index.nlist, probed))
        if among is not None:
            chosen = np.zeros(self._index.ntotal, dtype=bool)
            chosen[among] = True
            selector = faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))
            parameters.sel = selector
        _, rows = self._index.search(query[None, :], count, params=parameters)
        found: Rows = rows[0][rows[0] >= 0]
        return found


class ExampleIndex:
    """Cosine similarity search over unit vectors of shape (scenarios, dimensions).

    It is exact for banks of up to `EXACT_UP_TO` scenarios. In larger ones lists give candidates,
    which are ranked by their exact similarities. Vectors and lists may be mapped from files.
    """

    def __init__(self, vectors: Vectors, lists: Lists | None = None) -> None:
        self.vectors = vectors
        self._lists = lists

    @classmethod
    def build(cls, vectors: Vectors) -> Self:
        """Index vectors in memory."""
        return cls(vectors, Lists.build(vectors) if search_of(len(vectors)) else None)

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, query: Vectors, count: int) -> list[Neighbour]:
        """Return the `count` most similar scenarios to `query` (dimensions,), nearest first."""
        wanted = min(count, len(self))
        if self._lists is None or wanted * _EXACT_SHARE > len(self):
            similarities, rows = faiss.knn(
                query[None, :], self.vectors, wanted, metric=faiss.METRIC_INNER_PRODUCT
            )
            return _neighbours(rows[0], similarities[0])
        candidates = max(_FEWEST_CANDIDATES, _CANDIDATES * wanted)
        return self._ranked(query, self._lists.search(query, candidates), wanted)

    def search_among(self, query: Vectors, rows: Rows, count: int) -> list[Neighbour]:
        """Return the `count` most similar of the given rows, nearest first."""
        if self._lists is not None and len(rows) > max(_FEW_ROWS, count * _EXACT_SHARE):
            candidates = max(_FEWEST_CANDIDATES, _CANDIDATES * count)
            found = self._lists.search(query, candidates, rows)
            if len(found) >= candidates:
                return self._ranked(query, found, count)
        return self._ranked(query, rows, count)

    def similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Return the similarity of `query` (dimensions,) to each of `rows`."""
        parts = [
            self.vectors[rows[start : start + _CHUNK]] @ query
            for start in range(0, len(rows), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _ranked(self, query: Vectors, rows: Rows, count: int) -> list[Neighbour]:
        similarities = self.similarities(query, rows)
        order = np.lexsort((rows, -similarities))[:count]
        return _neighbours(rows[order], similarities[order])


def _neighbours(rows: Rows, similarities: Vectors) -> list[Neighbour]:
    return [
        Neighbour(int(row), float(similarity))
        for row, similarity in zip(rows, similarities, strict=True)
    ]


class QueryNeighbours:
    """`Neighbours` of one question in one index."""

    def __init__(self, index: ExampleIndex, query: Vectors) -> None:
        self._index = index
        self._query = query
        self._nearest: list[Neighbour] = []

    def nearest(self, count: int) -> list[Neighbour]:
        """Return the most similar; search again only if `count` is larger than before."""
        if len(self._nearest) < min(count, len(self._index)):
            self._nearest = self._index.search(self._query, count)
        return self._nearest[:count]

    def among(self, rows: Rows, count: int | None = None) -> list[Neighbour]:
        """Return the given rows, or the `count` nearest of them, most similar first."""
        wanted = len(rows) if count is None else count
        return self._index.search_among(self._query, rows, wanted)
