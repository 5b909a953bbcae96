"""Whose data a request sees: names and score sets belong to the tenant of its API key.

The tenant is a context variable and not an argument of every call between the middleware and the
stores: forgetting to pass it on once would show one tenant's data to another. Tasks that a request
starts have its tenant as well. Without API keys there is one tenant, whose name is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from app.domain.fingerprint import DIGEST_CHARS
from app.domain.score_set import MEMBER_SEPARATOR, split_score_set_id
from app.store.redis import as_text

_SEPARATOR = "\n"
"""Between a tenant and a name. Names have no line breaks (`app.domain.names`)."""
_TAG_CHARS = 12
_tenant: ContextVar[str] = ContextVar("tenant", default="")
_payer: ContextVar[str] = ContextVar("payer", default="")
_V = TypeVar("_V")


@contextmanager
def acting_for(tenant: str, *, payer: str = "") -> Iterator[None]:
    """See and store the data of `tenant`. Tokens count for the API key with the id `payer`."""
    tokens = _tenant.set(tenant), _payer.set(payer)
    try:
        yield
    finally:
        _tenant.reset(tokens[0])
        _payer.reset(tokens[1])


def payer() -> str:
    """The API key whose limit of tokens the request's jobs count towards; empty without one."""
    return _payer.get()


def own(name: str) -> str:
    """What the tenant's `name` is called in Redis."""
    tenant = _tenant.get()
    return f"{tenant}{_SEPARATOR}{name}" if tenant else name


def own_names(stored: Mapping[Any, _V]) -> dict[str, _V]:
    """The entries of a hash that are the tenant's: name -> value."""
    tenant = _tenant.get()
    entries: dict[str, _V] = {}
    for field, value in stored.items():
        owner, _, name = as_text(field).rpartition(_SEPARATOR)
        if owner == tenant:
            entries[name] = value
    return entries


def tenant_tag() -> str:
    """What the digests of the tenant's score sets begin with."""
    tenant = _tenant.get()
    return hashlib.sha256(tenant.encode()).hexdigest()[:_TAG_CHARS] if tenant else ""


def own_score_set(score_set_id: str) -> tuple[str, str | None]:
    """Digest and view of a score set id; for another tenant's the digest is empty, so unknown."""
    digest, view = split_score_set_id(score_set_id)
    tag = tenant_tag()
    members = digest.split(MEMBER_SEPARATOR)
    size = len(tag) + DIGEST_CHARS
    if all(one.startswith(tag) and len(one) == size for one in members):
        return digest, view
    return "", None
