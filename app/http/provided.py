"""Dependency injection for endpoints: objects of the process, by type, from the lifespan state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict, TypeVar

from fastapi import Depends, Request

T = TypeVar("T")


class LifespanState(TypedDict):
    """State that the lifespan shares with every request."""

    provided: dict[type, object]
    """Type -> the single object of that type in the process."""


def lifespan_state(objects: Iterable[object]) -> LifespanState:
    """The state that provides `objects`, each by its type."""
    return {"provided": {type(one): one for one in objects}}


def provided(kind: type[T]) -> Any:
    """A FastAPI dependency on the process's object of a type.

    Endpoints import only the types that they use and not `app.resources`, which builds the objects.
    """

    # A coroutine, because `Depends` runs plain functions in a thread.
    async def find(request: Request) -> T:
        value = request.state.provided[kind]
        assert isinstance(value, kind)
        return value

    return Depends(find)
