"""Answers about people and groups."""

from __future__ import annotations

from typing import Literal

from app.domain.people.fairness import Fairness
from app.domain.people.matrix import Source
from app.schema import Maybe, Open


class PlaceOut(Open):
    """A candidate: its index in the request, and its id."""

    index: int
    id: str


class CandidateClassOut(PlaceOut):
    """What is known of a candidate beforehand."""

    classes: dict[str, float]
    """Response class -> probability; classes below 0.01 are left out. Empty if the bank has no
    classes."""
    source: Source
    """`rated`: the bank has the response, to the same question. `given`: in the request. `read`:
    from the text. `unknown`: not at all, so all classes are as probable as in the bank."""
    shift: float
    """Rating points by which it is expected to be above its class: from ratings of the same
    response, from its scores, or from similar texts."""


class ExpectedRowOut(Open):
    """What a person or a group is expected to give the candidates, in their order."""

    name: str
    """The group's or the rater's name; `person` for own ratings."""
    kind: Literal["person", "group"]
    people: Maybe[int] = None
    """Raters of the group."""
    support: Maybe[float] = None
    """How far the group's people support means of its own, from 0 (the class means are used) to 1
    (its own means are): max(0, 1 - variance of people / (people x variance of group means))."""
    own_ratings: Maybe[int] = None
    """Scenarios of which the person's own ratings were used."""
    expected: list[float]
    """Rating points."""
    standard_errors: list[float]
    """Of `expected`."""
    intervals: list[tuple[float, float]]
    """Between these ends lie four of five ratings: of this person, or of people of the group."""
    choice: PlaceOut
    """The candidate of which it expects most; the first of several."""


class LossOut(Open):
    """What a group gets of a choice, and loses by it."""

    group: str
    expected: float
    regret: float
    """Rating points less than what it expects of its own choice."""


class FairChoiceOut(Open):
    """One choice for all groups."""

    rule: Fairness
    choice: PlaceOut
    value: float
    """What the rule makes large; for `least_regret` the largest regret, which it makes small."""
    ties: list[PlaceOut]
    """Other candidates that the rule values alike."""
    groups: list[LossOut]
    """Largest regret first."""


class MenuOut(Open):
    """Two or three candidates, of which each person takes the best."""

    candidates: list[PlaceOut]
    expected: float
    """Mean over people of the best expected rating in the menu."""
    single: float
    """The same for the best single candidate."""
    pleased: float
    """Share of people who expect at least three quarters of the scale of something in the menu."""
    single_pleased: float
    people: int


class PolarisationOut(Open):
    """How far apart people's expected ratings of a class lie."""

    response_class: str
    against: float
    """Share of people in the lowest three eighths of the scale."""
    favour: float
    """Share of people in the highest three eighths."""
    deviation: float
    """Standard deviation between people, in rating points."""
    polarised: bool
    """Whether at least a fifth of the people are at each end."""


class ReaderOut(Open):
    """How well classes are read from texts, on scenarios of the bank that were left out."""

    accuracy: float
    chance: float
    """The same for the commonest class."""
    responses: int


class PeopleOut(Open):
    """Who is expected to give what, and what follows."""

    bank: str
    digest: str
    scale: tuple[float, float]
    candidates: list[CandidateClassOut]
    rows: list[ExpectedRowOut]
    """The person or the group; the groups in the order of the request."""
    fair: Maybe[list[FairChoiceOut]] = None
    """For several groups: the choice of each rule."""
    menu: Maybe[MenuOut] = None
    polarisation: list[PolarisationOut]
    """Classes that candidates are of, in the bank's order."""
    reader: Maybe[ReaderOut] = None
    """Present if a class was read from a text."""


class ShareOut(Open):
    """What explains the variance of ratings."""

    part: Literal["class", "group", "person", "prompt", "rest"]
    """`group`, `person` and `prompt` include what they prefer of classes."""
    share: float
    """Unbiased: a part that explains nothing may come out below 0."""
    low: float
    high: float
    """Ends of the 95 % interval, over samples of people."""


class NeededOut(Open):
    """People that each of two groups needs, for a difference of their means to be found four times
    in five, at 5 %."""

    points: float
    """The difference, in rating points: 0.5, 0.3 and 0.2 on a scale from 1 to 5, others in
    proportion."""
    people: int
    """For a class of middling variance."""
    by_class: dict[str, int]


class GroupSupportOut(Open):
    """A group, and how far its people support means of its own."""

    group: str
    people: int
    support: float
    """From 0 to 1."""
    means: dict[str, float | None]
    """Class -> the mean of its people's means; null without ratings."""
    expected: dict[str, float]
    """Class -> the rating that is expected of one of the group."""


class AuditOut(Open):
    """Whether a bank's groups differ, and what its ratings support."""

    name: str
    digest: str
    ratings: int
    people: int
    words: list[str]
    """The result in sentences."""
    shares: list[ShareOut]
    p: float | None
    """Probability that people dealt to the groups at random differ as much; null with fewer than
    two groups."""
    deals: int
    """Times that people were dealt."""
    needed: list[NeededOut]
    groups: list[GroupSupportOut]
    polarisation: list[PolarisationOut]
    coverage: dict[str, float | None]
    """Class -> share of ratings in the interval that is expected from other ratings of the same
    person, by a fit on other people; meant to be 0.8. Null without ratings."""
