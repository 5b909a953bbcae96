"""What the attribute-set endpoints take and give."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.schema import Name
from app.scoring.requests import AttributeIn


class AttributeSetIn(BaseModel):
    """Attributes that belong together."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    description: str = ""
    bank: Name | None = None
    """Bank that examples come from unless a request says otherwise."""
    attributes: list[AttributeIn] = Field(min_length=1, max_length=50)

    @field_validator("attributes")
    @classmethod
    def _names_differ(cls, attributes: list[AttributeIn]) -> list[AttributeIn]:
        repeated = [n for n, count in Counter(a.name for a in attributes).items() if count > 1]
        if repeated:
            raise ValueError(f"attribute {repeated[0]!r} is there more than once")
        return attributes


class AttributeSetOut(AttributeSetIn):
    """A stored or built-in attribute set."""

    name: str


class AttributeSetsOut(BaseModel):
    """Names of all attribute sets."""

    attribute_sets: list[str]
