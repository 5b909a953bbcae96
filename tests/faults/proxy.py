"""A TCP proxy in front of Redis: holds requests, falls silent, encrypts, changes its target."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

from scripts.serve.processes import free_port

When = Literal["before", "after"]


@dataclass
class Hold:
    """A request that is stopped on its way: before Redis gets it, or after Redis has done it."""

    request: bytes
    when: When
    answer: bytes
    """What the answer must contain, where `when` is `after`."""
    held: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Passes bytes between clients and Redis, in a thread of its own."""

    def __init__(self, target: int, encryption: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self.target = target
        self._holds: list[Hold] = []
        self._encryption = encryption
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._listen())

    @property
    def url(self) -> str:
        scheme = "rediss" if self._encryption else "redis"
        return f"{scheme}://127.0.0.1:{self.port}/0"

    def hold(self, request: bytes, when: When, answer: bytes = b"") -> threading.Event:
        """Stop the next such request; the event says that it was. It is never answered."""
        hold = Hold(request, when, answer)
        self._holds.append(hold)
        return hold.held

    def silence(self) -> None:
        """Pass nothing on for the present connections, as in a network that lost a route."""
        for link in self._links:
            link.silent = True

    def close(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._encryption
        )

    async def _end(self) -> None:
        self._server.close()
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            link = _Link(self, reader, writer, there, back)
            self._links.add(link)
            try:
                await link.run()
            finally:
                self._links.discard(link)
        except (OSError, asyncio.CancelledError):
            pass  # either side has gone, or the test has ended
        finally:
            writer.close()

    def match(self, data: bytes, when: When) -> Hold | None:
        return next((one for one in self._holds if one.when == when and one.request in data), None)

    def done(self, hold: Hold) -> None:
        self._holds.remove(hold)
        hold.held.set()


class _Link:
    """One connection, and the one to Redis behind it."""

    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.there, self.back = there, back
        self.asked = b""
        self.silent = False

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._requests()), asyncio.create_task(self._answers())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.back.close()

    async def _requests(self) -> None:
        while data := await self.reader.read(1 << 20):
            if (hold := self.proxy.match(data, "before")) is not None:
                self.proxy.done(hold)
                await asyncio.Event().wait()
            self.asked = data
            await self._unless_silent()
            self.back.write(data)
            await self.back.drain()

    async def _answers(self) -> None:
        while data := await self.there.read(1 << 20):
            hold = self.proxy.match(self.asked, "after")
            if hold is not None and hold.answer in data and not data.startswith(b"-NOSCRIPT"):
                self.proxy.done(hold)
                await asyncio.Event().wait()
            await self._unless_silent()
            self.writer.write(data)
            await self.writer.drain()

    async def _unless_silent(self) -> None:
        if self.silent:
            await asyncio.Event().wait()


def script_call(name: str) -> bytes:
    """What a call of the script `lua/{name}.lua` has in it: its digest."""
    source = files("app.store") / "lua" / f"{name}.lua"
    return hashlib.sha1(source.read_bytes()).hexdigest().encode()
