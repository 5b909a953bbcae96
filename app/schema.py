"""Base models and field types shared by all HTTP bodies."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.names import MAX_NAME, canonical_name, normalised
from app.domain.scenario import CHOICE, STATES
from app.domain.texts import is_blank
from app.domain.writing import TEXT


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise ValueError("is blank: it has nothing but white space and invisible characters")
    return text


def _not_reserved(name: str) -> str:
    if name == CHOICE:
        raise ValueError(f"{CHOICE!r} is reserved for the choices of methods that choose")
    if name == STATES:
        raise ValueError(f"{STATES!r} is reserved for the states of methods that read them")
    if name == TEXT:
        raise ValueError(f"{TEXT!r} is reserved for written texts")
    return name


def _number_only(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


Number = Annotated[float, Strict()]
"""A JSON number. `true` and `"0.5"` are none; pydantic's own `float` takes both."""

WHOLE = BeforeValidator(_number_only)
"""Behind the limits of an `int`: takes whole JSON numbers. `5.0` is one, as in JSON Schema; `true`
and `"5"` are none."""

Flag = Annotated[bool, Strict()]
"""`true` or `false`. 1, 0, `"true"` and `"yes"` are neither."""

UnitInterval = Annotated[Number, Field(ge=0, le=1, allow_inf_nan=False)]

Weight = Annotated[Number, Field(ge=0, le=1e6, allow_inf_nan=False)]

Text = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]

Name = Annotated[
    str,
    AfterValidator(canonical_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME}),
]
"""What people call an attribute set, a bank or a calibration; NFC once it is validated."""

Reference = Annotated[str, AfterValidator(normalised)]
"""An attribute's name or a cell's field (`name@digest`) in a target or in weights; NFC."""

AttributeName = Annotated[Name, AfterValidator(_not_reserved)]


class Closed(BaseModel):
    """A request body or a part of one: unknown members are errors."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Open(BaseModel):
    """An answer or a part of one, built from an object of the domain or from arguments."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


Rendered: TypeAlias = dict[str, Any]
"""An answer or a part of one as plain data, in the shape of a model that is named with it. Building
and dumping the models themselves takes ten times as long; tests compare the two."""


def _is_none(value: object) -> bool:
    return value is None


_T = TypeVar("_T")
Maybe = Annotated[_T | SkipJsonSchema[None], Field(exclude_if=_is_none)]
"""An optional member of an answer. It is absent if it does not apply, never null."""


def text_or_object(value: object) -> str:
    """Discriminator of a union of a string (tag `name`) and an object (tag `object`)."""
    return "name" if isinstance(value, str) else "object"


def one_or_many(value: object) -> str:
    """Discriminator of a union of one value (tag `one`) and a list of them (tag `many`)."""
    return "many" if isinstance(value, list) else "one"
