"""Makes the index of a bank: takes what is saved, embeds what is new, saves the rest."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.bank import Bank
from workers.errors import EmbedderFailed
from workers.retrieval.embedding import Embedder, Vectors
from workers.retrieval.index import ExampleIndex
from workers.retrieval.saved import (
    Digests,
    Draft,
    IndexFolder,
    IndexKey,
    UnusableIndex,
    digests_of,
)

_log = logging.getLogger(__name__)
_STEP = 1024
"""Rows that are embedded before they are saved."""
_REPORTED_S = 60.0
"""Seconds between reports of how far a large bank is."""


class IndexMaker:
    """Makes and opens indexes. Its methods take long: call them in threads."""

    def __init__(self, embedder: Embedder, folder: IndexFolder) -> None:
        self._embedder = embedder
        self._folder = folder

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts. Raises `EmbedderFailed` unless all are finite."""
        vectors = self._embedder.encode(texts)
        # The sum over a row is finite only if the whole row is.
        unusable = np.flatnonzero(~np.isfinite(vectors.sum(axis=1)))
        if len(unusable):
            first = unusable[0]
            raise EmbedderFailed(
                f"the embedder {self._embedder.name} gave numbers that are not finite for "
                f"{len(unusable)} of {len(texts)} questions, the first of them number {first + 1} "
                f"with {len(texts[first])} characters: examples cannot be retrieved"
            )
        return vectors

    def saved(self, key: IndexKey) -> ExampleIndex | None:
        """Return the saved index; None if there is none that can be used."""
        try:
            saved = self._folder.open(key)
        except (UnusableIndex, OSError) as error:
            _log.warning("the saved index is made again: %s", error, extra={"bank": key.bank})
            return None
        return None if saved is None else saved.index

    def make(self, key: IndexKey, bank: Bank, shared: Vectors | None) -> ExampleIndex:
        """Make the index and save it, with the vectors of another worker if there are any.

        If it cannot be saved, it is kept in memory.
        """
        questions = [scenario.question for scenario in bank.scenarios]
        try:
            with self._folder.lock(key):
                # Another worker may have made it meanwhile.
                if (index := self._usable(key)) is not None:
                    return index
                return self._make(key, questions, shared)
        except OSError as error:
            _unsaved(key, error)
        return ExampleIndex.build(self.encode(questions) if shared is None else shared)

    def _usable(self, key: IndexKey) -> ExampleIndex | None:
        try:
            saved = self._folder.open(key)
        except UnusableIndex:
            self._folder.remove(key)
            return None
        return None if saved is None else saved.index

    def _make(self, key: IndexKey, questions: list[str], shared: Vectors | None) -> ExampleIndex:
        draft, digests = self._folder.start(key), digests_of(questions)
        if shared is None:
            vectors = self._embedded(draft, key, questions, digests)
        else:
            vectors = draft.vectors(shared.shape[1])
            vectors[:] = shared
            draft.made(vectors, len(vectors))
        try:
            draft.finish(vectors, digests)
        except OSError as error:  # not to embed everything again
            _unsaved(key, error)
            return ExampleIndex.build(vectors)
        saved = self._folder.open(key)
        assert saved is not None, "it was just made"
        return saved.index

    def _embedded(
        self, draft: Draft, key: IndexKey, questions: list[str], digests: Digests
    ) -> Vectors:
        """The vectors of all questions: made earlier, known from another bank, or embedded."""
        vectors = draft.vectors(self._embedder.dimensions)
        if draft.rows:
            _log.info("embedding goes on at row %d", draft.rows, extra={"bank": key.bank})
        missing = np.ones(len(questions), dtype=bool)
        missing[: draft.rows] = False
        self._reuse(key, vectors, digests, missing)
        _, first, same = np.unique(digests, return_index=True, return_inverse=True)
        source = first[same]
        """Row -> the first row with the same question."""
        reported = time.monotonic()
        for start in range(draft.rows, len(questions), _STEP):
            rows = np.arange(start, min(start + _STEP, len(questions)))
            new = rows[missing[rows] & (source[rows] == rows)]
            if len(new):
                vectors[new] = self.encode([questions[row] for row in new])
            repeated = rows[missing[rows] & (source[rows] != rows)]
            vectors[repeated] = vectors[source[repeated]]
            draft.made(vectors, int(rows[-1]) + 1)
            if time.monotonic() - reported > _REPORTED_S:
                reported = time.monotonic()
                _log.info("embedded %d of %d", draft.rows, len(questions), extra={"bank": key.bank})
        return vectors

    def _reuse(
        self, key: IndexKey, vectors: Vectors, digests: Digests, missing: NDArray[np.bool_]
    ) -> None:
        """Take vectors of the same questions from other banks."""
        if not missing.any():
            return
        for other in self._folder.others(key):
            if other.vectors.shape[1] != vectors.shape[1]:
                continue
            known = np.asarray(other.questions)
            order = np.argsort(known)
            rows = np.flatnonzero(missing)
            place = np.searchsorted(known, digests[rows], sorter=order)
            there = order[np.minimum(place, len(known) - 1)]
            found = known[there] == digests[rows]
            vectors[rows[found]] = other.vectors[there[found]]
            missing[rows[found]] = False
            if not missing.any():
                return


def _unsaved(key: IndexKey, error: OSError) -> None:
    _log.warning(
        "the index is kept in memory, because it cannot be saved (AZIMUTH_INDEX_DIR): %s",
        error,
        extra={"bank": key.bank},
    )
