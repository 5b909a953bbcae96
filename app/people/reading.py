"""What a request asks for, in terms of a fitted bank: rows and candidates. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.domain.arrays import Floats
from app.domain.people.bank import BankPeople
from app.domain.people.estimates import Estimate
from app.domain.people.matrix import CandidateReading, Source
from app.domain.ratings.table import NO_CLASS
from app.domain.scenario import Candidate
from app.domain.texts import text_key
from app.errors import FieldError, InvalidRequest
from app.people.requests import OwnRatingIn, PersonIn


@dataclass(frozen=True, slots=True)
class Row:
    """A person or a group of the request."""

    name: str
    kind: Literal["person", "group"]
    estimate: Estimate
    group: int | None = None
    """Its number in the bank, for a group."""


def group_row(bank: BankPeople, name: str, pointer: str) -> Row:
    """The row of a group. Raises `InvalidRequest` if the bank has no ratings of it."""
    number = _group(bank, name, pointer)
    return Row(name, "group", bank.model.group(number), number)


def person_row(bank: BankPeople, person: PersonIn) -> Row:
    """The row of a person. Raises `InvalidRequest`."""
    group = None if person.group is None else _group(bank, person.group, "#/person/group")
    if person.rater is not None:
        if person.rater not in bank.table.raters:
            raise _refused("#/person/rater", f"the bank has no ratings of rater {person.rater!r}")
        number = bank.table.raters.index(person.rater)
        own = bank.model.visits.ratings[bank.model.visits.person == number]
        return Row(person.rater, "person", bank.model.person(own, group))
    own = _own_ratings(bank, person.ratings or ())
    return Row("person", "person", bank.model.person(own, group))


def _own_ratings(bank: BankPeople, ratings: Sequence[OwnRatingIn]) -> Floats:
    """(m, K), one row a scenario; the mean where several ratings are of one class."""
    low, high = bank.table.scale
    scenarios = {name: place for place, name in enumerate(bank.table.scenarios)}
    given: dict[tuple[str | int, int], list[float]] = {}
    for index, one in enumerate(ratings):
        where = f"#/person/ratings/{index}"
        if not low <= one.rating <= high:
            scale = f"{low:g}..{high:g}"
            raise _refused(f"{where}/rating", f"{one.rating:g} is not on the bank's scale {scale}")
        kind = _kind(bank, one, scenarios, where)
        if kind != NO_CLASS:
            key = one.scenario if one.scenario is not None else index
            given.setdefault((key, kind), []).append(one.rating)
    rows = {key: row for row, key in enumerate(dict.fromkeys(key for key, _ in given))}
    own = np.full((len(rows), len(bank.model.classes)), np.nan)
    for (key, kind), values in given.items():
        own[rows[key], kind] = np.mean(values)
    return own


def _kind(bank: BankPeople, one: OwnRatingIn, scenarios: dict[str, int], where: str) -> int:
    """The class of a rated response."""
    if one.response_class is not None:
        return _class(bank, one.response_class, f"{where}/response_class")
    if one.scenario not in scenarios:
        raise _refused(f"{where}/scenario", f"the bank has no scenario {one.scenario!r}")
    place = scenarios[one.scenario]
    count = len(bank.bank.scenarios[place].responses)
    if one.response is None or one.response >= count:
        raise _refused(f"{where}/response", f"the scenario has only {count} responses, from 0")
    return int(bank.table.response_class[place, one.response]) if bank.table.classes else 0


def read_candidates(
    bank: BankPeople,
    question: str,
    candidates: Sequence[Candidate],
    given: Sequence[str | None],
) -> CandidateReading:
    """Classes of candidates: of the bank's own responses, as given, or read from the texts.

    `given` has one class or None for each candidate. May take seconds when the bank's reader has
    not been fitted yet. Raises `InvalidRequest` for a class that the bank does not have.
    """
    size = len(bank.model.classes)
    classes = np.zeros((len(candidates), size))
    shift = np.zeros(len(candidates))
    sources: list[Source] = []
    unread: list[int] = []
    asked = text_key(question)
    for index, candidate in enumerate(candidates):
        name = given[index]
        known = bank.known.get((asked, text_key(candidate.text)))
        if known is not None:
            shift[index] = known.shift
        if name is not None:
            where = f"#/people/candidate_classes/{index}"
            classes[index, _class(bank, name, where)] = 1.0
            sources.append("given")
        elif known is not None and known.kind != NO_CLASS:
            classes[index, known.kind] = 1.0
            sources.append("rated")
        else:
            unread.append(index)
            sources.append("read" if size > 1 and bank.reader is not None else "unknown")
    if unread:
        texts = [candidates[i].text for i in unread]
        classes[unread] = _read(bank, question, texts)
        if bank.similar is not None:
            new = [i for i in unread if (asked, text_key(candidates[i].text)) not in bank.known]
            predicted = bank.similar.predict(question, [one.text for one in candidates])
            shift[new] = predicted[new]
    return CandidateReading(classes, shift, tuple(sources))


def _read(bank: BankPeople, question: str, texts: Sequence[str]) -> Floats:
    size = len(bank.model.classes)
    if size > 1 and bank.reader is not None:
        return bank.reader.read(question, texts)
    rated = bank.model.visits.ratings
    counts = (~np.isnan(rated)).sum(axis=0) + 1e-9
    return np.tile(counts / counts.sum(), (len(texts), 1))


def _group(bank: BankPeople, name: str, pointer: str) -> int:
    if name not in bank.table.groups:
        known = list(bank.table.groups)
        raise _refused(pointer, f"the bank has no ratings of group {name!r}", known)
    return bank.table.groups.index(name)


def _class(bank: BankPeople, name: str, pointer: str) -> int:
    if name not in bank.table.classes:
        known = list(bank.table.classes)
        raise _refused(pointer, f"the bank has no response class {name!r}", known)
    return bank.table.classes.index(name)


def _refused(pointer: str, detail: str, known: list[str] | None = None) -> InvalidRequest:
    extensions: dict[str, object] | None = None if known is None else {"known": known}
    return InvalidRequest(detail, fields=[FieldError(pointer, detail)], extensions=extensions)
