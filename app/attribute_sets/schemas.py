"""Bodies of the attribute-set endpoints."""

from __future__ import annotations

from collections import Counter

from pydantic import Field, field_validator

from app.schema import Closed, Maybe, Name, Open
from app.scoring.requests import AttributeIn


class AttributeSetIn(Closed):
    """Attributes that belong together."""

    description: str = ""
    bank: Name | None = None
    """Bank that examples come from unless a request names another."""
    attributes: list[AttributeIn] = Field(min_length=1, max_length=50)

    @field_validator("attributes")
    @classmethod
    def _names_differ(cls, attributes: list[AttributeIn]) -> list[AttributeIn]:
        repeated = [n for n, count in Counter(a.name for a in attributes).items() if count > 1]
        if repeated:
            raise ValueError(f"attribute {repeated[0]!r} is defined more than once")
        return attributes


class AttributeOut(Open):
    """One attribute of a set."""

    name: str
    definition: str
    """What the attribute means, as the model reads it."""
    low: str
    """What a score of 0 looks like."""
    high: str
    """What a score of 1 looks like."""
    levels: list[float]
    """The values that labels of this attribute take."""


class AttributeSetOut(Open):
    """A stored or built-in attribute set."""

    name: str
    description: str
    bank: Maybe[str] = None
    """Bank that examples come from unless a request names another; absent without one."""
    attributes: list[AttributeOut]


class AttributeSetsOut(Open):
    """All attribute sets."""

    attribute_sets: list[AttributeSetOut]
    """Sorted by name."""
