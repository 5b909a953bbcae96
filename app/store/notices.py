"""Notices from workers, pushed to whoever waits in this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.store.redis import NOTICES

_log = logging.getLogger(__name__)
_RECONNECT_S = 0.5
EVERY_BANK = "(every bank)"
"""In the place of a bank's digest: look which banks there are."""


class CellNotice(Struct, frozen=True, tag="cell"):
    """A cell was scored, or will not be."""

    score_set: str
    field: str


class BankNotice(Struct, frozen=True, tag="bank"):
    """A bank was stored."""

    digest: str


class CalibrationNotice(Struct, frozen=True, tag="calibration"):
    """A calibration was stored or deleted."""

    name: str


Notice = CellNotice | BankNotice | CalibrationNotice
_notice_decoder: msgspec.json.Decoder[Notice] = msgspec.json.Decoder(Notice)


def decode_notice(data: bytes) -> Notice:
    """A notice as it came over the channel."""
    return _notice_decoder.decode(data)


class Listener:
    """One waiter's ear for one score set."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.settled: set[str] = set()
        """Cell fields that notices have named since the last `clear`."""
        self.resync = False
        """Set when notices may have been missed: look at the store itself."""
        self.closing = False
        self.resynced = False
        """Whether that has ever been so."""

    def tell(self, field: str) -> None:
        """A cell was settled."""
        self.settled.add(field)
        self._changed.set()

    def tell_resync(self) -> None:
        """The connection was away for a while."""
        self.resync = self.resynced = True
        self._changed.set()

    def tell_closing(self) -> None:
        """The process is about to end: nobody should wait any more."""
        self.closing = True
        self._changed.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for the next notice; False when `timeout_s` passed without one, or at the end."""
        if self.closing:
            return False
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return False
        self._changed.clear()
        return not self.closing


class NoticeHub:
    """One subscription a process, handed out to its waiters."""

    def __init__(
        self,
        redis: Redis,
        on_cell: Callable[[str], None] | None = None,
        on_calibration: Callable[[], None] | None = None,
    ) -> None:
        self._redis = redis
        self._on_cell = on_cell
        """Told the score set of every cell that is settled, waited for here or not."""
        self._on_calibration = on_calibration
        """Told that calibrations have changed, or may have."""
        self._listeners: dict[str, set[Listener]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.banks: asyncio.Queue[str] = asyncio.Queue(maxsize=1000)
        """Digests of banks that were stored, for workers that index them ahead of need;
        `EVERY_BANK` where some may have been."""

    async def start(self) -> None:
        """Begin to listen, in the background."""
        self._task = asyncio.create_task(self._run(), name="notices")

    def stop_waiting(self) -> None:
        """Send everybody who waits away; with what there is by now."""
        self._closing = True
        for listener in [x for group in self._listeners.values() for x in group]:
            listener.tell_closing()

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextmanager
    def listen(self, score_set: str) -> Iterator[Listener]:
        """Hear notices about a score set from now on. Enter before asking for its cells."""
        listener = Listener()
        listener.closing = self._closing
        self._listeners.setdefault(score_set, set()).add(listener)
        try:
            yield listener
        finally:
            listeners = self._listeners[score_set]
            listeners.discard(listener)
            if not listeners:
                del self._listeners[score_set]

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                _log.warning("notices: Redis is away, trying again: %s", error)
            except Exception:
                # Everybody who waits depends on this: it must not end, whatever happens.
                _log.exception("notices: unforeseen error, subscribing anew")
            await asyncio.sleep(_RECONNECT_S)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(NOTICES)
            while True:
                message = await pubsub.get_message(timeout=5.0)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    self._resync()  # also after the client has reconnected without a word
                elif message["type"] == "message":
                    self._dispatch(message["data"])

    def _resync(self) -> None:
        """Whatever was published while nobody listened is lost: those who wait must look."""
        if self._on_calibration is not None:
            self._on_calibration()
        self._tell_bank(EVERY_BANK)
        for listener in [x for group in self._listeners.values() for x in group]:
            listener.tell_resync()

    def _tell_bank(self, digest: str) -> None:
        if not self.banks.full():
            self.banks.put_nowait(digest)

    def _dispatch(self, data: bytes) -> None:
        try:
            notice = decode_notice(data)
        except ValueError as error:  # most likely from a newer version, during an upgrade
            _log.warning("a notice that cannot be read was passed over: %s", error)
            return
        if isinstance(notice, CellNotice):
            if self._on_cell is not None:
                self._on_cell(notice.score_set)
            for listener in self._listeners.get(notice.score_set, ()):
                listener.tell(notice.field)
        elif isinstance(notice, CalibrationNotice):
            if self._on_calibration is not None:
                self._on_calibration()
        else:
            self._tell_bank(notice.digest)
