"""Texts as vectors of their words, hashed: for kernels between texts, without a model. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.domain.texts import nfc, words_of

SIZE = 4096
"""Length of a vector. Words that share a place are rare enough not to matter."""
_MOST_WORDS = 400
"""Words of a text that count: how a response goes about it shows at its beginning."""

Vectors = NDArray[np.float32]


def word_vectors(texts: Sequence[str]) -> Vectors:
    """(N, SIZE), which words and pairs of neighbours a text has: 0 or 1."""
    vectors = np.zeros((len(texts), SIZE), dtype=np.float32)
    for row, text in enumerate(texts):
        words = words_of(nfc(text[: 20 * _MOST_WORDS]).casefold())[:_MOST_WORDS]
        parts = {*words, *(f"{a} {b}" for a, b in pairwise(words))}
        vectors[row, [zlib.crc32(part.encode()) % SIZE for part in parts]] = 1
    return vectors


def rarity(vectors: Vectors) -> Vectors:
    """(SIZE,), weight of each place: log(1 + N / (1 + texts that have it))."""
    seen = vectors.sum(axis=0)
    weights: Vectors = np.log1p(len(vectors) / (1 + seen)).astype(np.float32)
    return weights


def of_length_one(vectors: Vectors) -> Vectors:
    """Rows of length 1; texts without words stay 0."""
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    scaled: Vectors = vectors / np.maximum(length, 1e-9)
    return scaled
