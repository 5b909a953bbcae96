"""Attribute sets by name, in Redis; the built-in ones come with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
from redis.asyncio import Redis

from app.domain.scenario import AttributeSet
from app.store.memory import Memory
from app.store.notices import NamesNotice
from app.store.redis import NOTICES, PREFIX, as_text, translated
from app.store.tenancy import own, own_names

_KEY = PREFIX + "attribute-sets"
_CHANGED = msgspec.json.encode(NamesNotice("attribute-sets"))
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
    """The built-in attribute sets, and those that the tenant stored."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._memory: Memory[AttributeSet] = Memory()

    def forget(self) -> None:
        """Read the sets again: they have changed, or may have."""
        self._memory.forget()

    async def get(self, name: str) -> AttributeSet | None:
        """The set called `name`; a stored one hides a built-in one of the same name."""

        async def read() -> AttributeSet | None:
            with translated():
                stored = await self._redis.hget(_KEY, own(name))
            return _decoder.decode(stored) if stored else builtin_attribute_sets().get(name)

        return await self._memory.get(own(name), read)

    async def put(self, attribute_set: AttributeSet) -> bool:
        """Store a set under its name; True if the name is new."""
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(_KEY, own(attribute_set.name), msgspec.json.encode(attribute_set))
            pipe.publish(NOTICES, _CHANGED)
            added, _ = await pipe.execute()
        self.forget()
        return bool(added)

    async def delete(self, name: str) -> bool:
        """Delete a stored set, which uncovers a built-in one of that name; False if none was."""
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hdel(_KEY, own(name))
            pipe.publish(NOTICES, _CHANGED)
            deleted, _ = await pipe.execute()
        self.forget()
        return bool(deleted)

    async def all(self) -> list[AttributeSet]:
        """All sets, sorted by name."""
        with translated():
            stored = await self._redis.hgetall(_KEY)
        sets = builtin_attribute_sets() | {
            name: _decoder.decode(value) for name, value in own_names(stored).items()
        }
        return [sets[name] for name in sorted(sets)]

    async def names(self) -> list[str]:
        """Names of all sets."""
        with translated():
            stored = await self._redis.hkeys(_KEY)
        names = own_names(dict.fromkeys(map(as_text, stored)))
        return sorted({*builtin_attribute_sets(), *names})
