"""Base models and field types that all HTTP bodies share."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank: it has no text but white space")
    return text


UnitInterval = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]

Text = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\w[\w.:-]*$")]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Open(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


def _kind(value: object) -> str:
    return "name" if isinstance(value, str) else "object"


def _one_or_many(value: object) -> str:
    return "many" if isinstance(value, list) else "one"
