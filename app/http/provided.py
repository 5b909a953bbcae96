"""How endpoints get what the process holds: by type, from the state that the lifespan yields."""

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
    """The state that provides some objects, each under its own type."""
    return {"provided": {type(one): one for one in objects}}


def provided(kind: type[T]) -> Any:
    """A FastAPI dependency: the process's object of a type.

    Endpoints import the type that they use and nothing else, so that no feature knows where the
    process is put together (`app.resources`).
    """

    # A coroutine: `Depends` sends plain functions to a thread.
    async def find(request: Request) -> T:
        found = request.state.provided[kind]
        assert isinstance(found, kind)
        return found

    return Depends(find)
