"""Ratings as scenario files have them: records and their checks. Arrays are in `ratings/`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.domain.names import canonical_name

_MAX_RATING = 1e6


class RatingScale(Struct, frozen=True):
    """The lowest and the highest rating that raters of a bank could give."""

    low: float
    high: float

    def __contains__(self, rating: float) -> bool:
        return self.low <= rating <= self.high

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"

    @property
    def width(self) -> float:
        """Distance of the ends."""
        return self.high - self.low


class Rating(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rater's rating of one response (SPICA, section 3.1)."""

    rater: str
    response: int | str
    """Place of the response, from 0. A file may name its response class instead, where only one
    response has it; a checked scenario has the place."""
    rating: float
    """On the bank's `rating_scale`."""
    group: str | None = None
    """The rater's group."""
    groups: tuple[str, ...] = ()
    """The rater's groups, where there are several."""

    @property
    def all_groups(self) -> tuple[str, ...]:
        """The rater's groups: one, several, or none."""
        return self.groups if self.group is None else (self.group, *self.groups)


class RatingSetup(Struct, frozen=True, omit_defaults=True):
    """What holds for all ratings of a bank: the first record of its file, or options of its upload.

    In a file: `{"rating_scale": {"low": 1, "high": 5}, "response_classes": {"refusal": "Refuse."}}`
    """

    rating_scale: RatingScale | None = None
    response_classes: dict[str, str] = {}
    """Response class -> its instruction, with which a model writes such a response; empty if there
    is none."""


NO_SETUP = RatingSetup()


def is_setup(record: object) -> bool:
    """Whether a record of a file is no scenario but says what holds for all ratings."""
    if not isinstance(record, dict) or {"id", "question", "prompt", "input"} & record.keys():
        return False
    return "rating_scale" in record or "response_classes" in record


def setup_of(record: object) -> RatingSetup:
    """Read and check such a record. Raises `ValueError`."""
    setup = msgspec.convert(record, RatingSetup)
    scale = setup.rating_scale
    if scale is not None and not -math.inf < scale.low < scale.high < math.inf:
        raise ValueError(f"rating_scale is {scale}: high must be larger than low")
    classes = {
        _name(name, "response_classes"): instruction
        for name, instruction in setup.response_classes.items()
    }
    return replace(setup, response_classes=classes)


def checked_classes(classes: Sequence[str | None], responses: int) -> tuple[str | None, ...]:
    """The classes of a scenario's responses, in canonical form. Raises `ValueError`."""
    if classes and len(classes) != responses:
        raise ValueError(
            f"response_classes has {len(classes)} entries for {responses} responses: give one for "
            "each response, null where there is none"
        )
    return tuple(
        None if name is None else _name(name, f"response_classes[{index}]")
        for index, name in enumerate(classes)
    )


def checked_ratings(
    ratings: Sequence[Rating], classes: Sequence[str | None], responses: int
) -> tuple[Rating, ...]:
    """Ratings with canonical names and with places of responses. Raises `ValueError`."""
    checked: list[Rating] = []
    for index, rating in enumerate(ratings):
        where = f"ratings[{index}]"
        if not abs(rating.rating) <= _MAX_RATING:
            raise ValueError(f"{where}.rating is {rating.rating:g}, not within +-{_MAX_RATING:g}")
        checked.append(
            replace(
                rating,
                rater=_name(rating.rater, f"{where}.rater"),
                response=_place(rating.response, classes, responses, f"{where}.response"),
                group=None if rating.group is None else _name(rating.group, f"{where}.group"),
                groups=tuple(_name(group, f"{where}.groups") for group in rating.groups),
            )
        )
        groups = checked[-1].all_groups
        if len(set(groups)) < len(groups):
            raise ValueError(f"{where} names a group twice")
    return tuple(checked)


def check_scale(ratings: Sequence[Rating], scale: RatingScale | None) -> None:
    """Raise `ValueError` unless ratings lie on the bank's scale."""
    if not ratings:
        return
    if scale is None:
        raise ValueError(
            "ratings need the scale on which they were given: upload with rating_scale=1..5, or "
            'begin the file with {"rating_scale": {"low": 1, "high": 5}}'
        )
    for index, rating in enumerate(ratings):
        if rating.rating not in scale:
            raise ValueError(
                f"ratings[{index}].rating is {rating.rating:g}, not on the bank's scale {scale}"
            )


def _place(response: int | str, classes: Sequence[str | None], count: int, where: str) -> int:
    if isinstance(response, str):
        places = [place for place, name in enumerate(classes) if name == _name(response, where)]
        if len(places) != 1:
            found = "no response" if not places else f"{len(places)} responses"
            raise ValueError(
                f"{where} is {response!r}, but {found} of the scenario has that class: give the "
                "place of the response, from 0"
            )
        return places[0]
    if not 0 <= response < count:
        raise ValueError(
            f"{where} is {response}, but the scenario has only {count} responses (counted from 0)"
        )
    return response


def _name(name: str, where: str) -> str:
    try:
        return canonical_name(name)
    except ValueError as error:
        raise ValueError(f"{where} is {name!r}: {error}") from error
