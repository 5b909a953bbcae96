"""API keys in Redis: recognised, expired, revoked, and kept in the process."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from app.domain.access import Grant, StoredKey
from app.errors import Unauthorized
from app.resources import Resources
from app.settings import Settings, StoreSettings
from app.store.keys import KeyStore
from tests.contract.test_round_trips import counted

GRANT = Grant("team", ("select",))


async def test_a_key_is_recognised_by_its_secret_alone(redis):
    keys = KeyStore(redis)
    key, secret = await keys.create(GRANT)
    other, _ = await keys.create(GRANT)
    assert await keys.authenticate(secret) == key
    for wrong in ("", "az_", secret[:-1], secret + "0", secret.replace(key.id, other.id)):
        with pytest.raises(Unauthorized, match="not valid"):
            await keys.authenticate(wrong)
    assert await keys.all() == sorted([key, other], key=lambda one: (one.created_ms, one.id))


async def test_a_key_is_read_once_for_many_requests(redis):
    keys = KeyStore(redis)
    key, secret = await keys.create(GRANT)
    async with counted(redis) as commands:
        for _ in range(20):
            assert await keys.authenticate(secret) == key
    assert sorted(commands) == ["HGET", "TIME"]


async def test_a_key_expires_also_while_it_is_in_memory(redis):
    keys = KeyStore(redis)
    key, secret = await keys.create(GRANT, days=1)
    soon = replace(key, expires_ms=key.created_ms + 300)
    ((key_id, value),) = (await redis.hgetall("azimuth:api-keys")).items()
    stored = replace(msgspec.json.decode(value, type=StoredKey), key=soon)
    await redis.hset("azimuth:api-keys", key_id, msgspec.json.encode(stored))
    assert await keys.authenticate(secret) == soon
    await asyncio.sleep(0.35)
    with pytest.raises(Unauthorized, match="expired"):
        await keys.authenticate(secret)


async def test_a_revoked_key_is_refused_in_every_process(redis_server):
    url = f"redis://127.0.0.1:{redis_server[1]}/0"
    settings = Settings(store=StoreSettings(redis_url=url))
    async with Resources.opened(settings) as here, Resources.opened(settings) as there:
        key, secret = await here.keys.create(GRANT)
        assert await there.keys.authenticate(secret) == key
        assert await here.keys.revoke(key.id)
        with pytest.raises(Unauthorized):
            await here.keys.authenticate(secret)

        async def refused_there() -> None:
            while True:
                await there.keys.authenticate(secret)
                await asyncio.sleep(0.01)

        async with asyncio.timeout(2):  # by the notice: a key is kept for 5 s
            with pytest.raises(Unauthorized):
                await refused_there()
        assert not await here.keys.revoke(key.id)
