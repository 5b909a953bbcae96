"""What is odd about the ratings of a bank, or about its questions next to another bank's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from app.domain.bank import Bank, LabelledScenario
from app.domain.bank_repeats import repeats_in
from app.domain.ratings.table import NO_CLASS, RatingTable, rating_table
from app.domain.texts import text_key

_FEWEST = 5
"""Ratings of a rater, from which on equal ones are odd."""

Kind = Literal[
    "raters-in-several-groups",
    "flat-raters",
    "rated-twice",
    "scenarios-twice",
    "responses-without-class",
    "leakage",
]


class Finding(Struct, frozen=True):
    """One kind of oddity of a bank."""

    kind: Kind
    detail: str
    """What it is and what follows."""
    count: int
    names: tuple[str, ...]
    """Raters or ids of scenarios."""


def lint(bank: Bank, against: Bank | None = None, name: str = "") -> list[Finding]:
    """Find what is odd about a bank's ratings, and which questions the bank `name` has as well.

    Raises `ValueError` if the bank has ratings but no scale.
    """
    table = rating_table(bank)
    findings = [_scenarios_twice(bank.scenarios)]
    if len(table):
        findings += [_several_groups(table), _flat(table), _twice(table), _unclassed(table)]
    if against is not None:
        findings.append(_leakage(bank.scenarios, against.scenarios, name))
    return [one for one in findings if one.count]


def _several_groups(table: RatingTable) -> Finding:
    raters = np.flatnonzero(table.membership.sum(axis=1) > 1)
    return _finding(
        "raters-in-several-groups",
        "raters belong to several groups: the groups' ratings are not independent",
        (table.raters[rater] for rater in raters),
    )


def _flat(table: RatingTable) -> Finding:
    count = np.bincount(table.rater, minlength=len(table.raters))
    low = np.full(len(table.raters), np.inf)
    high = np.full(len(table.raters), -np.inf)
    np.minimum.at(low, table.rater, table.value)
    np.maximum.at(high, table.rater, table.value)
    return _finding(
        "flat-raters",
        f"raters gave the same rating to everything, {_FEWEST} times or more: they express no "
        "preference, and make scenarios look stable",
        (table.raters[rater] for rater in np.flatnonzero((count >= _FEWEST) & (low == high))),
    )


def _twice(table: RatingTable) -> Finding:
    rows = np.stack([table.scenario, table.response, table.rater], axis=1)
    unique, count = np.unique(rows, axis=0, return_counts=True)
    scenarios = np.unique(unique[count > 1, 0])
    return _finding(
        "rated-twice",
        "in these scenarios a rater rated a response more than once: the mean counts",
        (table.scenarios[scenario] for scenario in scenarios),
    )


def _unclassed(table: RatingTable) -> Finding:
    lacking = np.unique(table.scenario[table.rated_class == NO_CLASS])
    return _finding(
        "responses-without-class",
        "rated responses have no response class: ratings of these scenarios cannot be compared "
        "with those of others, and retrieval for a group does not use them",
        (table.scenarios[scenario] for scenario in lacking),
    )


def _scenarios_twice(scenarios: Sequence[LabelledScenario]) -> Finding:
    repeats = repeats_in(scenarios)
    return _finding(
        "scenarios-twice",
        "scenarios have the same question and responses",
        (name for group in (*repeats.duplicates, *repeats.contradictions) for name in group),
    )


def _leakage(
    scenarios: Iterable[LabelledScenario], others: Iterable[LabelledScenario], name: str
) -> Finding:
    known = {text_key(one.question) for one in others}
    return _finding(
        "leakage",
        f"bank {name!r} has the same questions: do not evaluate with one what was fitted on, or "
        "shown from, the other",
        (one.id for one in scenarios if text_key(one.question) in known),
    )


def _finding(kind: Kind, detail: str, names: Iterable[str]) -> Finding:
    listed = tuple(names)
    return Finding(kind, detail, len(listed), listed)
