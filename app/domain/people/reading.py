"""The class of a response, read from its text: a ridge on words and surface features. Pure.

Learned from the bank's own responses, and checked on scenarios that were left out. Shapes: `N`
responses, `K` classes, `D` features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.features import surface_features
from app.domain.people.words import word_vectors

MOST_RESPONSES = 3000
"""Responses that a reader is fitted on; of larger banks a sample."""
_FOLDS = 5
_RIDGE = 1.0
_SURFACE = 0.2
"""Weight of surface features next to words."""
_SHARPNESS = (1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
FEWEST = 4
"""Scenarios that a reader needs."""


@dataclass(frozen=True)
class _Linear:
    """Scores of classes, linear in features."""

    words: Floats
    """(SIZE, K)"""
    surface: Floats
    """(19, K)"""
    constant: Floats
    """(K,)"""

    def scores(self, words: Floats, surface: Floats) -> Floats:
        return np.asarray(words @ self.words + surface @ self.surface + self.constant)


@dataclass(frozen=True)
class ClassReader:
    """Reads the class of a response from its text."""

    linear: _Linear
    sharpness: float
    """Scores times this are the logarithms of odds."""
    accuracy: float
    """Share of left-out responses whose class was read rightly."""
    chance: float
    """The same for the commonest class."""
    responses: int

    def read(self, question: str, texts: Sequence[str]) -> Floats:
        """(C, K), probabilities of the classes of some responses."""
        scores = self.linear.scores(_words(texts), _surface([question] * len(texts), texts))
        return _probabilities(self.sharpness * scores)


def fit_reader(
    questions: Sequence[str],
    texts: Sequence[str],
    kinds: NDArray[np.int64],
    scenario: NDArray[np.int64],
    classes: int,
) -> ClassReader | None:
    """Fit a reader, or None where a bank has too few scenarios or one class only.

    All arguments have one entry a response. Folds keep the responses of a scenario together.
    """
    chosen = np.random.default_rng(0).permutation(len(texts))[:MOST_RESPONSES]
    kinds, scenario = kinds[chosen], scenario[chosen]
    _, fold_of = np.unique(scenario, return_inverse=True)
    if fold_of.max(initial=0) + 1 < FEWEST or len(np.unique(kinds)) < 2:
        return None
    words = _words([texts[i] for i in chosen])
    surface = _surface([questions[i] for i in chosen], [texts[i] for i in chosen])
    left_out = np.zeros((len(chosen), classes))
    for fold in range(_FOLDS):
        test = fold_of % _FOLDS == fold
        if test.any() and not test.all():
            fitted = _fit(words[~test], surface[~test], kinds[~test], classes)
            left_out[test] = fitted.scores(words[test], surface[test])
    rows = np.arange(len(kinds))
    losses = [
        -np.log(np.maximum(_probabilities(sharp * left_out)[rows, kinds], 1e-9)).mean()
        for sharp in _SHARPNESS
    ]
    return ClassReader(
        _fit(words, surface, kinds, classes),
        _SHARPNESS[int(np.argmin(losses))],
        float((left_out.argmax(axis=1) == kinds).mean()),
        float(np.bincount(kinds).max() / len(kinds)),
        len(kinds),
    )


def _fit(words: Floats, surface: Floats, kinds: NDArray[np.int64], classes: int) -> _Linear:
    """Ridge regression of class indicators, solved over responses: there are more features."""
    centre, width = surface.mean(axis=0), surface.std(axis=0) + 1e-9
    middle = words.mean(axis=0)
    features = np.hstack([words - middle, _SURFACE * (surface - centre) / width])
    wanted = np.eye(classes)[kinds]
    mean = wanted.mean(axis=0)
    kernel = features @ features.T + _RIDGE * np.eye(len(features))
    weights = features.T @ np.linalg.solve(kernel, wanted - mean)
    of_words = weights[: words.shape[1]]
    of_surface = _SURFACE * weights[words.shape[1] :] / width[:, None]
    constant = mean - middle @ of_words - centre @ of_surface
    return _Linear(of_words, of_surface, np.asarray(constant))


def _words(texts: Sequence[str]) -> Floats:
    vectors = word_vectors(texts).astype(np.float64)
    return np.asarray(vectors / np.sqrt(vectors.sum(axis=1, keepdims=True) + 1))


def _surface(questions: Sequence[str], texts: Sequence[str]) -> Floats:
    rows = [surface_features(q, t) for q, t in zip(questions, texts, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(texts), -1)


def _probabilities(scores: Floats) -> Floats:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
