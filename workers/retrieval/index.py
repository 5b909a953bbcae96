"""The example index over a bank's questions: FAISS."""

from __future__ import annotations

from typing import Any

import faiss as _faiss
import numpy as np

from workers.retrieval.embedding import Vectors
from workers.retrieval.examples import Neighbour, Rows

faiss: Any = _faiss  # its type stubs are incomplete

EXACT_UP_TO = 20_000
"""Largest bank with exact search; larger ones use an HNSW graph, which takes milliseconds."""
_HNSW_LINKS = 32
_HNSW_BUILD = 80
_HNSW_SEARCH = 128


class ExampleIndex:
    """Cosine similarity search over unit vectors of shape (scenarios, dimensions)."""

    def __init__(self, vectors: Vectors) -> None:
        count, dimensions = vectors.shape
        self._index: Any
        if count <= EXACT_UP_TO:
            self._index = faiss.IndexFlatIP(dimensions)
        else:
            self._index = faiss.IndexHNSWFlat(dimensions, _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
            self._index.hnsw.efConstruction = _HNSW_BUILD
            self._index.hnsw.efSearch = _HNSW_SEARCH
        self._index.add(np.ascontiguousarray(vectors))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, query: Vectors, count: int) -> list[Neighbour]:
        """Return the `count` most similar scenarios to `query` (dimensions,), nearest first."""
        wanted = min(count, len(self))
        if isinstance(self._index, faiss.IndexHNSWFlat):
            parameters = faiss.SearchParametersHNSW(efSearch=max(_HNSW_SEARCH, wanted))
            similarities, rows = self._index.search(query[None, :], wanted, params=parameters)
        else:
            similarities, rows = self._index.search(query[None, :], wanted)
        return [
            Neighbour(int(row), float(similarity))
            for row, similarity in zip(rows[0], similarities[0], strict=True)
            if row >= 0
        ]

    def similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Return the similarity of `query` (dimensions,) to each of `rows`."""
        vectors = self._index.reconstruct_batch(rows)
        return np.asarray(vectors @ query, dtype=np.float32)


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

    def among(self, rows: Rows) -> list[Neighbour]:
        """Return the given rows, most similar first."""
        similarities = self._index.similarities(self._query, rows)
        order = np.argsort(-similarities, kind="stable")
        return [Neighbour(int(rows[i]), float(similarities[i])) for i in order]
