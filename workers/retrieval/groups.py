"""Examples for a group: a bank whose labels are the group's ratings, and how it ranks them.

The index gives similarities; the rest is arithmetic in `app.domain.ratings.retrieval`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from app.domain.arrays import Floats
from app.domain.bank import Bank
from app.domain.fingerprint import text_digest
from app.domain.methods import Retrieval
from app.domain.ratings.groups import GroupRatings, group_ratings, labelled_by
from app.domain.ratings.retrieval import (
    FOLDS,
    NEAREST,
    PER_EXAMPLE,
    VERSION,
    FittedGroup,
    FittedWeights,
    Reach,
    Weights,
    fit_pairs,
    fit_weights,
    from_expected,
    of_example,
    reach_of,
)
from app.domain.ratings.table import RatingTable, rating_table
from app.domain.scenario import Choice, Scenario
from app.domain.scorer import ScorerSettings
from app.domain.search import EXACT_UP_TO
from app.domain.texts import text_key
from workers.retrieval.embedding import Vectors
from workers.retrieval.examples import ChosenExamples, Neighbour, Parts, Rows, deciding
from workers.retrieval.index import ExampleIndex
from workers.retrieval.indexed import IndexedBank
from workers.subject import Subject

_QUESTIONS = 100
"""Questions of a bank that show how many examples a kind of retrieval uses."""
_CANDIDATES = 128
"""Candidates for SPICA's measures in a large bank: as many of the most similar, and as many of
those that the other measures rank first."""
_DECIDING = 512
"""Most similar scenarios among which those are searched that decide a choice."""
_PAIRS = 20_000
"""Pairs whose similarities are computed at once."""

GivenWeights = tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Examples, best first: rows of the bank, similarities, and what they are ranked by."""

    rows: Rows
    similarity: Floats
    score: Floats


class GroupBank(IndexedBank):
    """A bank as one group has rated it."""

    def __init__(
        self,
        bank: Bank,
        index: ExampleIndex,
        ratings: GroupRatings,
        fitted: FittedGroup | None = None,
    ) -> None:
        scenarios = tuple(labelled_by(ratings, bank.scenarios))
        super().__init__(Bank(bank.digest, scenarios, bank.setup), index)
        self.ratings = ratings
        self._question = np.zeros(len(scenarios), dtype=np.int64)
        """Row -> number of its question."""
        for number, rows in enumerate(self._rows_by_question.values()):
            self._question[rows] = number
        self._reach = lru_cache(32)(self._count_examples)
        self._own_part = lru_cache(32)(self._part_of_example)
        if fitted is None:
            weights = self._fit()
            fitted = FittedGroup(VERSION, weights)
            self.fitted = fitted
            kinds: tuple[Retrieval, ...] = ("spica", "expected") if weights else ()
            reach = {str(kind): self._reach(kind, None) for kind in kinds}
            fitted = FittedGroup(VERSION, weights, reach)
        self.fitted = fitted
        """The group's weights, and how many examples each kind of retrieval uses."""

    def examples(
        self, query: Vectors, scenario: Scenario, subject: Subject, settings: ScorerSettings
    ) -> ChosenExamples[Any]:
        """Choose the examples for a subject: the first that the group's retrieval ranks.

        Only scenarios that the group has rated, and that have labels for the subject, are examples.
        """
        if settings.retrieval == "fixed":
            return super().examples(query, scenario, subject, settings)
        suitable = self._suitable(query, subject, settings)
        if revealing := self._revealing(scenario):
            suitable = suitable[~np.isin(suitable, revealing)]
        given = settings.group.weights if settings.group else None
        ranked = self._ranked(
            query, suitable, scenario.question, settings.retrieval, given, settings.examples
        )
        chosen = self._neighbours(ranked)
        if isinstance(subject, Choice):
            return ChosenExamples(chosen, ())
        return ChosenExamples(chosen, self._levels_for(subject, settings).left_out(chosen))

    def reach(self, settings: ScorerSettings) -> Reach | None:
        """How many examples come first for questions of the bank, each without its own scenario.

        None for `fixed`, which has the same for all.
        """
        if settings.retrieval == "fixed":
            return None
        given = settings.group.weights if settings.group else None
        return self._reach(settings.retrieval, given)

    def _suitable(self, query: Vectors, subject: Subject, settings: ScorerSettings) -> Rows:
        if isinstance(subject, Choice):
            decides = deciding(subject)
            rated = np.flatnonzero(self.ratings.rated)
            near = self._nearest(query, rated, _DECIDING)
            rows = [
                n.row
                for n in near
                if n.row not in self._repeated and decides(self.bank.scenarios[n.row])
            ]
            return np.array(sorted(rows), dtype=np.int64)
        rows_with = self._levels_for(subject, settings).rows
        return rows_with[self.ratings.rated[rows_with]]

    def _ranked(
        self,
        query: Vectors,
        rows: Rows,
        question: str,
        kind: Retrieval,
        given: GivenWeights,
        count: int,
    ) -> _Ranked:
        """Rank examples for a question, the best first."""
        if kind == "spica":
            return self._by_measures(query, rows, self._weights(question, given), count)
        wanted = count if kind == "similar" else max(NEAREST, PER_EXAMPLE * count)
        near = self._nearest(query, rows, wanted)
        rows = np.array([n.row for n in near], dtype=np.int64)
        similarity = np.array([n.similarity for n in near])
        if kind == "similar":
            return _Ranked(rows, similarity, similarity)
        same = self._rows_by_question.get(text_key(question), ())
        expected = self.ratings.expected(np.array(same, dtype=np.int64))
        score = from_expected(self.ratings, rows, expected)
        usable = np.flatnonzero(np.isfinite(score) & ~self.ratings.flat[rows])
        order = usable[np.lexsort((rows[usable], score[usable]))][:count]
        return _Ranked(rows[order], similarity[order], score[order])

    def _by_measures(self, query: Vectors, rows: Rows, weights: Weights, count: int) -> _Ranked:
        """Rank by SPICA's weighted measures: all rows, or the candidates of a large bank."""
        own, order = self._own_part(weights)
        if len(rows) > EXACT_UP_TO:
            first = order[:_CANDIDATES]
            if len(rows) < len(own):
                suitable = np.zeros(len(own), dtype=bool)
                suitable[rows] = True
                first = order[suitable[order]][:_CANDIDATES]
            near = [n.row for n in self._nearest(query, rows, _CANDIDATES)]
            rows = np.union1d(first, np.array(near, dtype=np.int64))
        similarity = self._index.similarities(query, rows).astype(np.float64)
        score = weights.similarity * similarity + own[rows]
        best = np.lexsort((rows, score))[:count]
        return _Ranked(rows[best], similarity[best], score[best])

    def _part_of_example(self, weights: Weights) -> tuple[Floats, Rows]:
        own = of_example(weights, self.ratings)
        return own, np.argsort(own, kind="stable")

    def _nearest(self, query: Vectors, rows: Rows, count: int) -> list[Neighbour]:
        if len(rows) == len(self.bank.scenarios):
            return self._index.search(query, count)
        return self._index.search_among(query, rows, count)

    def _weights(self, question: str, given: GivenWeights) -> Weights:
        """The given weights, or those fitted on other scenarios than the question's."""
        if given is not None:
            return Weights(*given)
        assert self.fitted.weights is not None, "the planner asks for response classes"
        known = text_key(question) in self._rows_by_question
        return self.fitted.weights.of(_fold(question) if known else None)

    def _neighbours(self, ranked: _Ranked) -> tuple[Neighbour, ...]:
        stability, contrast = self.ratings.stability, self.ratings.contrast
        return tuple(
            Neighbour(
                int(row),
                float(similarity),
                Parts(float(score), _known(stability[row]), _known(contrast[row])),
            )
            for row, similarity, score in zip(
                ranked.rows, ranked.similarity, ranked.score, strict=True
            )
        )

    def _fit(self) -> FittedWeights | None:
        ratings = self.ratings
        if not ratings.comparable:
            return None
        rated = np.flatnonzero(~np.isnan(ratings.means).all(axis=1))
        query, example = fit_pairs(rated, self._question)
        vectors = self._index.vectors
        similarity = np.concatenate(
            [
                np.einsum("ij,ij->i", vectors[query[part]], vectors[example[part]])
                for part in np.array_split(np.arange(len(query)), len(query) // _PAIRS + 1)
            ]
        ).astype(np.float64)
        folds = np.array([_fold(one.question) for one in self.bank.scenarios])
        return fit_weights(ratings, query, example, similarity, folds)

    def _count_examples(self, kind: Retrieval, given: GivenWeights) -> Reach:
        rated = np.flatnonzero(self.ratings.rated)
        step = max(1, len(rated) // _QUESTIONS)
        first: list[int] = []
        for row in rated[::step][:_QUESTIONS]:
            question = self.bank.scenarios[row].question
            others = rated[self._question[rated] != self._question[row]]
            query = np.asarray(self._index.vectors[row])
            ranked = self._ranked(query, others, question, kind, given, 1)
            first += ranked.rows.tolist()
        return reach_of(np.array(first, dtype=np.int64))


class RatedBank(IndexedBank):
    """An indexed bank that may have ratings of groups."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups that have rated the bank."""
        return self._table.groups if self._table else ()

    def rated_by(self, group: str, fitted: FittedGroup | None) -> GroupBank:
        """Return the bank as a group has rated it. Raises `ValueError` if the group is unknown."""
        if self._table is None:
            raise ValueError(f"bank {self.bank.digest} has no ratings")
        return GroupBank(self.bank, self._index, group_ratings(self._table, group), fitted)

    @cached_property
    def _table(self) -> RatingTable | None:
        return rating_table(self.bank) if self.bank.setup.rating_scale else None


def _fold(question: str) -> int:
    """The part of a bank that a question belongs to, whatever else the bank has."""
    return int(text_digest(text_key(question))[:8], 16) % FOLDS


def _known(measure: float) -> float | None:
    return None if np.isnan(measure) else float(measure)
