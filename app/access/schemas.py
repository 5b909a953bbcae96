"""Bodies of the endpoints for API keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.domain.access import ApiKey, Grant, Scope
from app.schema import WHOLE, Closed, Maybe, Name, Open

Scopes = Annotated[list[Scope], Field(min_length=1, max_length=10)]


class KeyIn(Closed):
    """A key to create."""

    tenant: Name
    """Who the key is for. The keys of a tenant share banks, attribute sets, calibrations and
    scores, which no other tenant sees."""
    scopes: Scopes
    """`select` scores, selects, and reads what is stored; `banks` reads, stores and deletes
    attribute sets, banks and calibrations; `admin` may do everything."""
    expires_in_days: Annotated[int, Field(ge=1, le=36_500), WHOLE] | None = None
    """Unset: the key does not expire."""

    requests_per_minute: Annotated[int, Field(ge=1, le=10**9), WHOLE] | None = None
    """Unset: no limit."""
    tokens_per_minute: Annotated[int, Field(ge=1, le=10**12), WHOLE] | None = None
    """Tokens that judges read and write. They are counted when cells are scored, so that requests
    that are under way can exceed the limit; then `/score`, `/select` and fits of calibrations are
    refused. Unset: no limit."""

    def grant(self) -> Grant:
        """The grant that it describes."""
        scopes = tuple(dict.fromkeys(self.scopes))
        return Grant(self.tenant, scopes, self.requests_per_minute, self.tokens_per_minute)


class KeyOut(Open):
    """A key, without its secret."""

    id: str
    """Part of the secret: `az_{id}_…`."""
    tenant: str
    scopes: list[Scope]
    created_ms: int
    expires_ms: Maybe[int] = None
    """Absent if the key does not expire."""
    requests_per_minute: Maybe[int] = None
    """Absent without a limit."""
    tokens_per_minute: Maybe[int] = None
    """Absent without a limit."""


class NewKeyOut(KeyOut):
    """A new key, with its secret."""

    secret: str
    """What clients send. It is shown only here: its hash is stored."""


class KeysOut(Open):
    """All keys."""

    keys: list[KeyOut]
    """Oldest first; expired ones included."""


def members_of(key: ApiKey) -> dict[str, object]:
    """The members of `KeyOut`."""
    return {
        "id": key.id,
        "tenant": key.grant.tenant,
        "scopes": list(key.grant.scopes),
        "created_ms": key.created_ms,
        "expires_ms": key.expires_ms,
        "requests_per_minute": key.grant.requests_per_minute,
        "tokens_per_minute": key.grant.tokens_per_minute,
    }
