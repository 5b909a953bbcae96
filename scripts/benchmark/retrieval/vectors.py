"""Vectors as large banks have them: like those of texts, or random for the worst case.

Embedding a million texts takes hours, so the vectors of a few thousand real sentences are spread:
each new one is a sentence's vector, plus a share of the difference of two of its 16 nearest others.
So the new ones are grouped as the sentences are, and vary in the directions in which those do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path

import numpy as np

from app.domain.bank import LabelledScenario
from app.domain.fingerprint import text_digest
from app.store.banks import builtin_banks
from scripts.benchmark.records.scenario_files import read_file
from workers.retrieval.embedding import Vectors

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORTEST, _LONGEST = 30, 400
"""Characters of a sentence."""
_NEAR = 16
_CHUNK = 50_000
Draw = Callable[[int], Vectors]
"""Gives that many vectors; the next ones with each call."""


def sentences(files: Sequence[Path], most: int) -> list[str]:
    """Sentences of scenario files, of the built-in banks, and of installed packages' READMEs.

    A half is from the READMEs, so that the texts have more than one subject.
    """
    texts = [text for one in builtin_banks().values() for text in _texts(one.bank.scenarios)]
    for file in files:
        texts += _texts(read_file(file).scenarios)
    readmes = (one.read_text("METADATA") or "" for one in distributions())
    own, others = _shuffled(_split(texts)), _shuffled(_split(readmes))
    own = own[: max(most // 2, most - len(others))]
    return own + others[: most - len(own)]


def like_texts(base: Vectors, seed: int) -> Draw:
    """Vectors around those of real texts, of shape (texts, dimensions)."""
    rng = np.random.default_rng(seed)
    near = np.argsort(-(base @ base.T), axis=1)[:, 1 : _NEAR + 1]

    def draw(count: int) -> Vectors:
        rows = rng.integers(len(base), size=count)
        one, other = (near[rows, rng.integers(near.shape[1], size=count)] for _ in range(2))
        share = rng.uniform(0, 1, size=(count, 1)).astype(np.float32)
        return _unit(base[rows] + share * (base[one] - base[other]))

    return draw


def random_directions(dimensions: int, seed: int) -> Draw:
    """Vectors without any structure: all are about equally far from each other."""
    rng = np.random.default_rng(seed)
    return lambda count: _unit(rng.standard_normal((count, dimensions), dtype=np.float32))


def fill(vectors: Vectors, draw: Draw) -> None:
    """Fill an array, which may be mapped, a part at a time."""
    for start in range(0, len(vectors), _CHUNK):
        part = vectors[start : start + _CHUNK]
        part[:] = draw(len(part))


def _unit(vectors: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def _texts(scenarios: Iterable[LabelledScenario]) -> Iterator[str]:
    for scenario in scenarios:
        yield scenario.question
        yield from scenario.responses


def _split(texts: Iterable[str]) -> set[str]:
    parts = (part.strip() for text in texts for part in _SENTENCE_END.split(text))
    return {part for part in parts if _SHORTEST <= len(part) <= _LONGEST}


def _shuffled(texts: Iterable[str]) -> list[str]:
    return sorted(texts, key=text_digest)
