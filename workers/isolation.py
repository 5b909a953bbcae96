"""Which prompts may share a prefix cache: those of one tenant.

A prompt whose beginning is cached is answered sooner. If tenants shared a cache, one could find out
by that what another has asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_salt: ContextVar[str] = ContextVar("cache_salt", default="")


@contextmanager
def isolated(salt: str) -> Iterator[None]:
    """Share cached prefixes with prompts of the same `salt` only."""
    token = _salt.set(salt)
    try:
        yield
    finally:
        _salt.reset(token)


def cache_salt() -> str:
    """The salt of the present job; empty without tenants."""
    return _salt.get()
