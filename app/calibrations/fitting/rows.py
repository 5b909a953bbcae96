"""The rows that a calibration is fitted on, and how they are split into folds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.bank import LabelledScenario
from app.domain.calibration.evidence import Evidence
from app.domain.texts import text_key

LEAST_SCENARIOS = 20
"""Labelled scenarios that an attribute must have: cross-validation on fewer means nothing."""

Indices = NDArray[np.intp]
Bools = NDArray[np.bool_]


class UnfitBank(ValueError):
    """The scored part of a bank does not suffice to fit a calibration."""


class TooFewLabels(UnfitBank):
    """Too few scenarios are labelled and scored on an attribute."""


@dataclass(frozen=True, slots=True)
class LabelledEvidence:
    """One scenario to learn from."""

    question: str
    evidence: Evidence
    labels: Floats
    """(C, A), NaN where there is no label."""


def labels_of(
    scenario: LabelledScenario, positions: Sequence[int], attributes: Sequence[str]
) -> Floats:
    """Labels (C, A) of a scenario's candidates, NaN where there is none.

    `positions` maps each response to its candidate. Responses with the same text are one candidate,
    whose label is the mean of theirs, because the expected label is what is learnt.
    """
    sums = np.zeros((max(positions) + 1, len(attributes)))
    counts = np.zeros_like(sums)
    for labels, position in zip(scenario.labels, positions, strict=True):
        for column, name in enumerate(attributes):
            if name in labels:
                sums[position, column] += labels[name]
                counts[position, column] += 1
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


@dataclass(frozen=True, slots=True)
class Rows:
    """The candidates of all scenarios of a bank, one row each."""

    scenarios: tuple[Evidence, ...]
    labels: Floats
    """(R, A)"""
    raw: Floats
    """(R, A), the judge's scores; NaN where there is none."""
    scenario: Indices
    """(R,), index of the row's scenario."""
    question: Indices
    """(R,), index of the row's question, in the bank's order."""

    @property
    def surface(self) -> Floats:
        """(R, F)"""
        return np.concatenate([one.surface for one in self.scenarios])

    @property
    def states(self) -> tuple[Floats, Bools]:
        """Hidden states (R, L, D), and for which rows they were read: (R,); 0 for the others."""
        known = [one.states for one in self.scenarios if one.states is not None]
        blank = np.zeros_like(known[0][:1])
        parts = [
            np.repeat(blank, len(one.surface), axis=0) if one.states is None else one.states
            for one in self.scenarios
        ]
        read = [np.full(len(one.surface), one.states is not None) for one in self.scenarios]
        return np.concatenate(parts), np.concatenate(read)

    @property
    def labelled(self) -> Bools:
        """(R, A), whether there is a label."""
        return np.asarray(~np.isnan(self.labels))

    @property
    def usable(self) -> Bools:
        """(R, A), whether there are both a label and a score."""
        return np.asarray(self.labelled & ~np.isnan(self.raw))


def in_rows(scenarios: Sequence[LabelledEvidence], names: Sequence[str]) -> Rows:
    """Scenarios in rows. Raises `UnfitBank` when they do not suffice for one of the attributes."""
    if not scenarios:
        raise TooFewLabels(_too_few(0, names[0]))
    sizes = [len(scenario.labels) for scenario in scenarios]
    asked = [text_key(s.question) for s in scenarios]
    questions = {question: index for index, question in enumerate(dict.fromkeys(asked))}
    question = np.array([questions[one] for one in asked], dtype=np.intp)
    rows = Rows(
        scenarios=tuple(s.evidence for s in scenarios),
        labels=np.concatenate([s.labels for s in scenarios]),
        raw=np.concatenate([s.evidence.readings[:, :, 0] for s in scenarios]),
        scenario=np.repeat(np.arange(len(scenarios)), sizes),
        question=np.repeat(question, sizes),
    )
    for column, name in enumerate(names):
        usable = rows.usable[:, column]
        count = len(set(rows.scenario[usable]))
        if count < LEAST_SCENARIOS:
            raise TooFewLabels(_too_few(count, name))
        if not can_be_split(rows, usable):
            raise UnfitBank(
                f"the scenarios that are labelled and scored on {name!r} all ask the same "
                "question; cross-validation needs different ones"
            )
    return rows


def _too_few(count: int, attribute: str) -> str:
    return (
        f"{count} scenarios are labelled and scored on {attribute!r}; "
        f"a calibration needs {LEAST_SCENARIOS}"
    )


def can_be_split(rows: Rows, usable: Bools) -> bool:
    """Whether the usable rows have several questions, so that there are several folds."""
    return len(np.unique(rows.question[usable])) > 1


def folds_of(rows: Rows, chosen: Indices, count: int) -> list[Indices]:
    """The chosen rows in at most `count` folds; rows that share a question share a fold.

    Questions are dealt to the folds in turn, counting only those that the chosen rows have, so that
    the folds are equally large for any choice of rows.
    """
    return folds_by(rows.question, chosen, count)


def folds_by(question: Indices, chosen: Indices, count: int) -> list[Indices]:
    """The same for rows that are given by the numbers of their questions, (R,)."""
    number = np.unique(question[chosen], return_inverse=True)[1].reshape(-1)
    return [chosen[number % count == fold] for fold in range(min(count, int(number.max()) + 1))]


def rows_by_scenario(scenario: Indices) -> list[Indices]:
    """The rows of each scenario. `scenario` (R,) has equal numbers next to each other."""
    starts = np.flatnonzero(scenario[1:] != scenario[:-1]) + 1
    return np.split(np.arange(len(scenario)), starts)
