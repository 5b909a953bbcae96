"""Attribute sets by name, in Redis; the built-in ones come with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
from redis.asyncio import Redis

from app.domain.scenario import AttributeSet
from app.store.redis import PREFIX, as_text, translated

_KEY = PREFIX + "attribute-sets"
_decoder = msgspec.json.Decoder(AttributeSet)


@cache
def builtin_attribute_sets() -> dict[str, AttributeSet]:
    """The attribute sets that ship with Azimuth, by name."""
    folder = files("app.store") / "builtin" / "attribute_sets"
    sets = [
        _decoder.decode(entry.read_bytes())
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    ]
    return {s.name: s for s in sorted(sets, key=lambda s: s.name)}


class AttributeSetStore:
    """Attribute sets that users stored, over the built-in ones."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, name: str) -> AttributeSet | None:
        """The set called `name`; a stored one hides a built-in one of the same name."""
        with translated():
            stored = await self._redis.hget(_KEY, name)
        return _decoder.decode(stored) if stored else builtin_attribute_sets().get(name)

    async def put(self, attribute_set: AttributeSet) -> bool:
        """Store a set under its name; True when nothing was stored there before."""
        with translated():
            added = await self._redis.hset(
                _KEY, attribute_set.name, msgspec.json.encode(attribute_set)
            )
        return bool(added)

    async def delete(self, name: str) -> bool:
        """Forget a stored set, which brings a built-in one of that name back; False if none was."""
        with translated():
            return bool(await self._redis.hdel(_KEY, name))

    async def names(self) -> list[str]:
        """Names of all sets."""
        with translated():
            stored = await self._redis.hkeys(_KEY)
        return sorted({*builtin_attribute_sets(), *map(as_text, stored)})
