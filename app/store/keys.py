"""API keys in Redis, as hashes of their secrets."""

from __future__ import annotations

import secrets
import time

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.domain.access import ApiKey, Grant, KeyMaterial, StoredKey, digest_of, key_id_of
from app.errors import Unauthorized
from app.store.memory import Memory
from app.store.notices import NamesNotice
from app.store.redis import NOTICES, PREFIX, now_ms, translated

_KEYS = PREFIX + "api-keys"
"""Hash of id -> `StoredKey`."""
_CHANGED = msgspec.json.encode(NamesNotice("api-keys"))
_DAY_MS = 86_400_000
_NOT_VALID = "the API key is not valid: it is misspelt, has been revoked, or never existed"
_decoder = msgspec.json.Decoder(StoredKey)


class _Known(Struct, frozen=True):
    """A key in the memory of the process."""

    stored: StoredKey
    ends: float | None
    """When it expires, on the monotonic clock; None: never."""


class KeyStore:
    """Creates, lists, revokes and recognises keys."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._memory: Memory[_Known] = Memory()

    def forget(self) -> None:
        """Read keys again: one was revoked, or may have been."""
        self._memory.forget()

    async def create(self, grant: Grant, *, days: int | None = None) -> tuple[ApiKey, str]:
        """Store a new key. Returns it with its secret, which is not stored."""
        material = KeyMaterial.of(secrets.token_bytes(38))
        with translated():
            now = await now_ms(self._redis)
            expires_ms = now + days * _DAY_MS if days is not None else None
            key = ApiKey(material.id, grant, created_ms=now, expires_ms=expires_ms)
            stored = StoredKey(key, digest_of(material.secret))
            await self._redis.hset(_KEYS, key.id, msgspec.json.encode(stored))
        return key, material.secret

    async def all(self) -> list[ApiKey]:
        """All keys, expired ones included, oldest first."""
        with translated():
            values = await self._redis.hvals(_KEYS)
        keys = [_decoder.decode(value).key for value in values]
        return sorted(keys, key=lambda key: (key.created_ms, key.id))

    async def revoke(self, key_id: str) -> bool:
        """Delete a key, here and in the memory of every process; False if there is none."""
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hdel(_KEYS, key_id)
            pipe.publish(NOTICES, _CHANGED)
            deleted, _ = await pipe.execute()
        self.forget()
        return bool(deleted)

    async def authenticate(self, secret: str) -> ApiKey:
        """The key with this secret. Raises `Unauthorized`."""
        key_id = key_id_of(secret)
        known = await self._known(key_id) if key_id is not None else None
        if known is None or not known.stored.matches(secret):
            raise Unauthorized(_NOT_VALID)
        if known.ends is not None and time.monotonic() >= known.ends:
            raise Unauthorized("the API key has expired")
        return known.stored.key

    async def _known(self, key_id: str) -> _Known | None:
        async def read() -> _Known | None:
            with translated():
                pipe = self._redis.pipeline(transaction=False)
                pipe.hget(_KEYS, key_id)
                pipe.time()
                value, (seconds, microseconds) = await pipe.execute()
            if value is None:
                return None
            stored = _decoder.decode(value)
            expires_ms = stored.key.expires_ms
            if expires_ms is None:
                return _Known(stored, None)
            left_s = expires_ms / 1000 - (int(seconds) + int(microseconds) / 1e6)
            return _Known(stored, time.monotonic() + left_s)

        return await self._memory.get(key_id, read)
