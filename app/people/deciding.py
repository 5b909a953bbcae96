"""From rows and candidates to expected ratings, choices and warnings. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Floats
from app.domain.people.bank import BankPeople
from app.domain.people.fairness import FAIRNESS, FairChoice, Fairness, fair_choice, values
from app.domain.people.matrix import (
    CandidateReading,
    ExpectedMatrix,
    expected_matrix,
    people_matrix,
)
from app.domain.people.menus import Menu, Polarisation, best_menu, polarisation
from app.domain.selection.ranking import Selection, rank
from app.people.reading import Row

_POOR = 0.7
"""Accuracy of reading classes below which the answer warns."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is expected, and what follows."""

    rows: Sequence[Row]
    candidates: CandidateReading
    matrix: ExpectedMatrix
    selection: Selection
    """Distances are what is missing to the highest value."""
    merit: Floats
    """(C,) what the selection ranks by: the row's expected ratings, or the rule's values"""
    fair: tuple[FairChoice, ...]
    """For several groups."""
    menu: Menu | None
    menu_people: int
    polarisation: Mapping[str, Polarisation]
    warnings: tuple[str, ...]


def decide(
    bank: BankPeople,
    rows: Sequence[Row],
    candidates: CandidateReading,
    *,
    rule: Fairness,
    weights: Sequence[float],
    menu: int | None,
) -> Decision:
    """Decide for one person or group, or fairly for several groups. `weights` are the groups'."""
    model = bank.model
    matrix = expected_matrix(model, [row.estimate for row in rows], candidates)
    share = np.array(weights)
    fair: tuple[FairChoice, ...] = ()
    merit = matrix.expected[0]
    if len(rows) > 1:
        fair = tuple(fair_choice(matrix.expected, one, model.scale, share) for one in FAIRNESS)
        merit = values(matrix.expected, rule, model.scale, share)
    chosen = next((one.candidate for one in fair if one.rule == rule), None)
    people, found = 0, None
    if menu is not None:
        members = _members(bank, rows)
        people = len(members)
        if people:
            found = best_menu(people_matrix(model, members, candidates), menu, model.scale)
    of_classes = _polarisation(bank, candidates)
    return Decision(
        rows,
        candidates,
        matrix,
        _ranked(merit, chosen),
        merit,
        fair,
        found,
        people,
        of_classes,
        _warnings(bank, rows, candidates, of_classes, no_menu=menu is not None and found is None),
    )


def _ranked(merit: Floats, chosen: int | None) -> Selection:
    """All candidates, best first; the one that a rule chose among those alike comes first."""
    ranked = rank(merit.max() - merit)
    if chosen is None or ranked.selected.index == chosen:
        return ranked
    first = tuple(one for one in ranked.ranking if one.index == chosen)
    others = tuple(one for one in ranked.ranking if one.index != chosen)
    ties = tuple(sorted({ranked.selected.index, *ranked.ties} - {chosen}))
    return Selection((*first, *others), ranked.margin, ties)


def _members(bank: BankPeople, rows: Sequence[Row]) -> Floats:
    """(N, K), expected ratings of the people of the rows' groups; of a person, of all people."""
    rated = bank.model.visits.counts().any(axis=1)
    groups = [row.group for row in rows if row.group is not None]
    if groups:
        rated = rated & bank.table.membership[:, groups].any(axis=1)
    return np.asarray(bank.raters[rated])


def _polarisation(bank: BankPeople, candidates: CandidateReading) -> dict[str, Polarisation]:
    """Of the classes that a candidate most probably is of."""
    if not bank.table.classes:
        return {}
    model = bank.model
    rated = bank.model.visits.counts().any(axis=1)
    every = polarisation(np.asarray(bank.raters[rated]), model.spread.between, model.scale)
    shown = sorted(set(candidates.classes.argmax(axis=1).tolist()))
    return {model.classes[k]: every[k] for k in shown}


def _warnings(
    bank: BankPeople,
    rows: Sequence[Row],
    candidates: CandidateReading,
    of_classes: Mapping[str, Polarisation],
    *,
    no_menu: bool,
) -> tuple[str, ...]:
    warnings: list[str] = []
    alike = [row.name for row in rows if row.group is not None and not _support(bank, row)]
    if alike:
        warnings.append(
            f"the bank does not support means of their own for {', '.join(alike)}: their people "
            "differ as much from each other as from other groups, so the means of all people are "
            "expected (GET /v1/banks/NAME/audit)"
        )
    if "read" in candidates.sources and bank.reader is not None and bank.reader.accuracy < _POOR:
        warnings.append(
            "classes of responses are read from texts, which was right for only "
            f"{bank.reader.accuracy:.0%} of the bank's own: give people.candidate_classes"
        )
    unknown = candidates.sources.count("unknown")
    if unknown and bank.similar is None:
        warnings.append(
            f"nothing is known of {unknown} of the candidates: the bank has neither these "
            "responses nor classes that could be read from their texts"
        )
    warnings += [
        f"class {name!r} is polarised: of the bank's people {one.against:.0%} are against it and "
        f"{one.favour:.0%} in favour; its mean pleases few"
        for name, one in of_classes.items()
        if one.polarised
    ]
    if no_menu:
        warnings.append("there is no menu, because nobody of these groups has ratings")
    return tuple(warnings)


def _support(bank: BankPeople, row: Row) -> float:
    return float(bank.model.groups.support[row.group]) if row.group is not None else 1.0
