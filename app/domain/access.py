"""API keys: what each allows, and the form of the secret that a client sends."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Literal, NamedTuple, get_args

from msgspec import Struct

Scope = Literal["select", "banks", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`select` scores and selects, `banks` also changes what is stored, `admin` may do everything."""
_SECRET = re.compile(r"az_([0-9a-f]{12})_[0-9a-f]{64}")


class Grant(Struct, frozen=True):
    """What a key is created with."""

    tenant: str
    """Who the key is for, and owns what is stored with it."""
    scopes: tuple[Scope, ...]
    requests_per_minute: int | None = None
    """None: no limit."""
    tokens_per_minute: int | None = None
    """Tokens that judges read and write; None: no limit."""


class ApiKey(Struct, frozen=True):
    """A key as it is listed: everything but its secret."""

    id: str
    grant: Grant
    created_ms: int
    expires_ms: int | None = None
    """Unix time in milliseconds; None: the key does not expire."""

    def allows(self, scopes: frozenset[Scope]) -> bool:
        """Whether the key has one of `scopes`, or `admin`."""
        return not scopes.isdisjoint(self.grant.scopes) or "admin" in self.grant.scopes


class StoredKey(Struct, frozen=True):
    """A key as it is stored."""

    key: ApiKey
    digest: str
    """`digest_of` its secret."""

    def matches(self, secret: str) -> bool:
        """Whether `secret` is this key's, in constant time."""
        return hmac.compare_digest(self.digest, digest_of(secret))


class KeyMaterial(NamedTuple):
    """A new key's id and secret."""

    id: str
    secret: str

    @classmethod
    def of(cls, random: bytes) -> KeyMaterial:
        """Id and secret from 38 random bytes: 6 for the id, 32 (256 bits) for the secret."""
        assert len(random) == 38
        key_id = random[:6].hex()
        return cls(key_id, f"az_{key_id}_{random[6:].hex()}")


def key_id_of(secret: str) -> str | None:
    """The id in a secret; None if this is not the form of a secret."""
    match = _SECRET.fullmatch(secret)
    return match[1] if match else None


def digest_of(secret: str) -> str:
    """SHA-256 of a secret.

    A slow hash, as for passwords, would add nothing: passwords can be guessed, 256 random bits
    cannot, however fast the hash is. And the hash is computed for every request.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
