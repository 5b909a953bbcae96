"""How endpoints get the objects of the process: by type, from the state of the lifespan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict, TypeVar

from fastapi import Depends, Request

T = TypeVar("T")


class LifespanState(TypedDict):
    """What the lifespan yields to every request's state."""

    provided: dict[type, object]
    """Type -> the process's one object of that type."""


def lifespan_state(objects: Iterable[object]) -> LifespanState:
    """The state that provides these objects, each under its type."""
    return {"provided": {type(one): one for one in objects}}


def provided(kind: type[T]) -> Any:
    """A FastAPI dependency: the process's object of a type.

    Endpoints import only the type that they use, so no feature depends on `app.resources`, where
    the objects are built.
    """

    # A coroutine: `Depends` sends plain functions to a thread.
    async def find(request: Request) -> T:
        value = request.state.provided[kind]
        assert isinstance(value, kind)
        return value

    return Depends(find)
