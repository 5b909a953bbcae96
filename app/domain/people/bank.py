"""Everything that is fitted on a bank's ratings, to expect what people give new responses. Pure.

Shapes: `C` candidates, `K` classes, `A` attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.bank import Bank
from app.domain.people.model import PeopleModel, fit
from app.domain.people.reading import ClassReader, fit_reader
from app.domain.people.responses import (
    AttributeShift,
    RatedResponses,
    fit_attributes,
    rated_responses,
    shrunk,
)
from app.domain.people.similar_texts import SimilarTexts, fit_similar, places
from app.domain.ratings.table import NO_CLASS, RatingTable, rating_table
from app.domain.texts import text_key

Places = NDArray[np.int64]


@dataclass(frozen=True)
class KnownResponse:
    """A response that the bank has, to the same question."""

    kind: int
    """Its class; `NO_CLASS` if it has none."""
    shift: float
    raters: int


@dataclass(frozen=True)
class BankPeople:
    """A bank's ratings, fitted."""

    bank: Bank
    table: RatingTable
    model: PeopleModel

    @cached_property
    def raters(self) -> Floats:
        """(P, K), expected ratings of all people of the bank."""
        return self.model.raters()

    @cached_property
    def rated(self) -> RatedResponses:
        """All rated responses."""
        return rated_responses(self.table, self.model)

    @cached_property
    def known(self) -> Mapping[tuple[str, str], KnownResponse]:
        """Keys of question and response -> what the bank has of it."""
        shifts = shrunk(self.rated, self.model, self.table.membership)
        of: dict[tuple[int, int], tuple[float, int]] = {}
        for s, r, shift, raters in zip(
            self.rated.scenario.tolist(),
            self.rated.response.tolist(),
            shifts.tolist(),
            self.rated.raters.tolist(),
            strict=True,
        ):
            of[s, r] = (shift, raters)
        known: dict[tuple[str, str], KnownResponse] = {}
        for s, scenario in enumerate(self.bank.scenarios):
            question = text_key(scenario.question)
            for r, text in enumerate(scenario.responses):
                kind = int(self.table.response_class[s, r]) if self.table.classes else 0
                shift, raters = of.get((s, r), (0.0, 0))
                if kind != NO_CLASS or raters:
                    known[question, text_key(text)] = KnownResponse(kind, shift, raters)
        return known

    @cached_property
    def reader(self) -> ClassReader | None:
        """Reads classes from texts; None where that cannot be learned."""
        if not self.table.classes:
            return None
        questions, texts, kinds, scenario = [], [], [], []
        for s, one in enumerate(self.bank.scenarios):
            for r, text in enumerate(one.responses):
                kind = int(self.table.response_class[s, r])
                if kind != NO_CLASS:
                    questions.append(one.question)
                    texts.append(text)
                    kinds.append(kind)
                    scenario.append(s)
        return fit_reader(
            questions, texts, np.array(kinds), np.array(scenario), len(self.table.classes)
        )

    @cached_property
    def similar(self) -> SimilarTexts | None:
        """Ratings of similar texts, for banks without classes; None if they are of no use."""
        if self.table.classes or not len(self.rated.residual):
            return None
        asked = [self.bank.scenarios[s] for s in self.rated.scenario.tolist()]
        rows = list(zip(asked, self.rated.response.tolist(), strict=True))
        fitted = fit_similar(
            [one.question for one in asked],
            [one.responses[r] for one, r in rows],
            np.array([places(len(one.responses))[r] for one, r in rows]),
            self.rated.residual,
            self.rated.scenario,
        )
        return fitted if fitted is not None and fitted.worth > 0 else None

    def labels(self, attributes: Sequence[str]) -> Floats:
        """(N, A), labels of the rated responses, NaN where there is none."""
        rows: list[list[float]] = []
        for s, r in zip(self.rated.scenario.tolist(), self.rated.response.tolist(), strict=True):
            labels = self.bank.scenarios[s].labels
            of = labels[r] if labels else {}
            rows.append([of.get(name, np.nan) for name in attributes])
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(attributes))

    def by_attributes(self, attributes: Sequence[str]) -> AttributeShift | None:
        """What labels on attributes say of ratings; None where the bank has too few of both."""
        return fit_attributes(self.labels(attributes), self.rated, attributes)


def bank_people(bank: Bank) -> BankPeople:
    """Fit a bank. Raises `ValueError` if it has no ratings, or no scale."""
    table = rating_table(bank)
    if not len(table):
        raise ValueError("the bank has no ratings")
    return BankPeople(bank, table, fit(table))
