"""A Redis that vanishes without closing its connections: notices come again, on another one."""

from __future__ import annotations

import asyncio

import pytest

from app.settings import StoreSettings
from app.store import notice_hub
from app.store.notice_hub import NoticeHub
from app.store.redis import connect_for_listening
from tests.faults.proxy import Proxy


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(notice_hub, "_SILENCE_S", 0.3)
    monkeypatch.setattr(notice_hub, "_RECONNECT_S", 0.05)


async def test_a_silent_connection_is_replaced_and_waiters_read_the_store(
    impatient: None, proxy: Proxy
) -> None:
    redis = connect_for_listening(StoreSettings(redis_url=proxy.url))
    hub = NoticeHub(redis)
    with hub.listen("s") as listener:
        await hub.start()
        async with asyncio.timeout(10):
            await listener.wait(10)  # the first subscription
            listener.resync = False
            await asyncio.sleep(1)  # signs of life are enough to keep a connection
            assert not listener.resync
            proxy.silence()
            while not listener.resync:
                await listener.wait(10)
    await hub.close()
    await redis.aclose()
