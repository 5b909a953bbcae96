"""Dependency injection for endpoints: objects of the process, by type, from the lifespan state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypedDict, TypeVar

from fastapi import Depends, Request
from starlette.types import Scope

T = TypeVar("T")


class LifespanState(TypedDict):
    """State that the lifespan shares with every request."""

    provided: dict[type, object]
    """Type -> the single object of that type in the process."""


def lifespan_state(objects: Iterable[object]) -> LifespanState:
    """The state that provides `objects`, each by its type."""
    return {"provided": {type(one): one for one in objects}}


class Provided(Generic[T]):
    """Finds the process's object of a type."""

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind

    # A coroutine, because `Depends` runs plain functions in a thread.
    async def __call__(self, request: Request) -> T:
        """What FastAPI calls for an endpoint's parameter."""
        return self.find(request.scope)

    def find(self, scope: Scope) -> T:
        """The object, for a request."""
        value = scope["state"]["provided"][self.kind]
        assert isinstance(value, self.kind)
        return value


def provided(kind: type[Any]) -> Any:
    """A FastAPI dependency on the process's object of a type.

    Endpoints import only the types that they use and not `app.resources`, which builds the objects.
    """
    return Depends(Provided(kind))
