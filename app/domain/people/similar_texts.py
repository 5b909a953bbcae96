"""Ratings of new responses from those of similar responses to similar questions. Pure.

A ridge with a kernel between pairs of question and response. It is what is left where responses
have no classes: answers of a survey, for instance. Shapes: `N` rated responses, `C` candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.people.words import Vectors, of_length_one, rarity, word_vectors

MOST_RESPONSES = 3000
"""Responses that are compared; of larger banks a sample."""
_RIDGE = 0.5
_PLACE, _ANSWER, _PLACE_ALONE = 0.3, 0.2, 0.1
"""Weights of: the place among the responses, to a similar question; the response whatever the
question; the place whatever the question. A similar response to a similar question has weight 1."""
_WIDTH = 0.1
"""Squared distance of two places, from 0 (first) to 1 (last), at which they are 1/e alike."""
_FOLDS = 5


@dataclass(frozen=True)
class Texts:
    """Responses as a kernel sees them."""

    question: Vectors
    """Of different questions"""
    asked: NDArray[np.intp]
    """(N,), row in `question`"""
    response: Vectors
    """Of different responses"""
    answered: NDArray[np.intp]
    """(N,), row in `response`"""
    place: Floats
    """(N,), from 0 for the first response of a scenario to 1 for the last: scales have an order."""


@dataclass(frozen=True)
class SimilarTexts:
    """Predicts what is rated from texts."""

    texts: Texts
    question_rarity: Vectors
    response_rarity: Vectors
    weights: Floats
    """(N,)"""
    mean: float
    worth: float
    """Share of the variance that it explained on left-out scenarios; below 0 it is no use."""

    def predict(self, question: str, responses: Sequence[str]) -> Floats:
        """(C,), for the responses in their order."""
        every = np.arange(len(responses))
        texts = Texts(
            of_length_one(word_vectors([question]) * self.question_rarity),
            np.zeros_like(every),
            of_length_one(word_vectors(responses) * self.response_rarity),
            every,
            places(len(responses)),
        )
        return np.asarray(self.mean + _kernel(texts, self.texts) @ self.weights)


def places(count: int) -> Floats:
    """Places of the responses of one scenario, from 0 to 1."""
    return np.linspace(0.0, 1.0, count)


def fit_similar(
    questions: Sequence[str],
    responses: Sequence[str],
    place: Floats,
    wanted: Floats,
    scenario: NDArray[np.int64],
    *,
    checked: bool = True,
) -> SimilarTexts | None:
    """Fit on rated responses, one entry of each argument a response. None without any.

    If it is not to be `checked` on left-out scenarios, which takes most of the time, its worth is
    NaN.
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(responses))[:MOST_RESPONSES])
    if not len(chosen):
        return None
    question, asked = _different([questions[i] for i in chosen])
    response, answered = _different([responses[i] for i in chosen])
    of_questions, of_responses = rarity(question), rarity(response)
    texts = Texts(
        of_length_one(question * of_questions),
        asked,
        of_length_one(response * of_responses),
        answered,
        place[chosen],
    )
    wanted = wanted[chosen]
    kernel = _kernel(texts, texts)
    mean = float(wanted.mean())
    return SimilarTexts(
        texts,
        of_questions,
        of_responses,
        _solve(kernel, wanted - mean),
        mean,
        _worth(kernel, wanted, scenario[chosen]) if checked else np.nan,
    )


def _worth(kernel: Floats, wanted: Floats, scenario: NDArray[np.int64]) -> float:
    """Share of the variance that is explained on left-out scenarios."""
    _, fold_of = np.unique(scenario, return_inverse=True)
    left_out = np.full(len(wanted), wanted.mean())
    for fold in range(_FOLDS):
        test = fold_of % _FOLDS == fold
        if test.any() and not test.all():
            train = np.flatnonzero(~test)
            mean = wanted[train].mean()
            solved = _solve(kernel[np.ix_(train, train)], wanted[train] - mean)
            left_out[test] = mean + kernel[np.ix_(np.flatnonzero(test), train)] @ solved
    variance = float(np.square(wanted - wanted.mean()).sum())
    error = float(np.square(wanted - left_out).sum())
    return 1 - error / variance if variance > 0 else 0.0


def _different(texts: Sequence[str]) -> tuple[Vectors, NDArray[np.intp]]:
    """Vectors of the different texts, and for each text the row of its vector."""
    rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    return word_vectors(list(rows)), np.array([rows[text] for text in texts], dtype=np.intp)


def _kernel(first: Texts, second: Texts) -> Floats:
    """(N, M), how alike pairs of question and response are."""
    question = (first.question @ second.question.T).astype(np.float64)
    question = question[np.ix_(first.asked, second.asked)]
    response = (first.response @ second.response.T).astype(np.float64)
    response = response[np.ix_(first.answered, second.answered)]
    place = np.exp(-((first.place[:, None] - second.place) ** 2) / _WIDTH)
    both = question * (response + _PLACE * place)
    return np.asarray(both + _ANSWER * response + _PLACE_ALONE * place)


def _solve(kernel: Floats, wanted: Floats) -> Floats:
    return np.asarray(np.linalg.solve(kernel + _RIDGE * np.eye(len(kernel)), wanted))
