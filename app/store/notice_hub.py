"""Receives notices, and passes them to the requests of this process that wait for them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.store.notices import (
    BankNotice,
    CalibrationNotice,
    CellNotice,
    DroppedNotice,
    NamesNotice,
    PieceNotice,
    decode_notice,
)
from app.store.redis import NOTICES

_log = logging.getLogger(__name__)
_RECONNECT_S = 0.5
_SILENCE_S = 5.0
"""Silence after which Redis is asked for a sign of life; after twice as much, it is away."""
EVERY_BANK = "(every bank)"
"""In place of a bank's digest: notices may have been missed, so list all banks."""


class Subscription:
    """Subscription of one waiting request to the cells of one score set."""

    def __init__(
        self, *, closing: bool = False, on_piece: Callable[[PieceNotice], None] | None = None
    ) -> None:
        self._changed = asyncio.Event()
        self.on_piece = on_piece
        """Called with each part of a text that was written."""
        self.settled: set[str] = set()
        """Fields of the cells that were settled."""
        self.resync = False
        """Notices may have been missed: read the store. Reset by its reader."""
        self.resynced = False
        """Whether notices may have been missed at any time."""
        self.closing = closing
        """The process is about to end: stop waiting."""

    def add_settled(self, field: str) -> None:
        """Record that a cell was settled."""
        self.settled.add(field)
        self._changed.set()

    def request_resync(self) -> None:
        """Record that notices may have been missed."""
        self.resync = self.resynced = True
        self._changed.set()

    def close(self) -> None:
        """End the wait."""
        self.closing = True
        self._changed.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for the next notice; False after `timeout_s` without one, or when closing."""
        if self.closing:
            return False
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return False
        self._changed.clear()
        return not self.closing


class NoticeHub:
    """One Redis subscription for the whole process, shared by all of its waiting requests."""

    def __init__(
        self,
        redis: Redis,
        on_cell: Callable[[str], None] | None = None,
        on_calibration: Callable[[], None] | None = None,
        on_names: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._redis = redis
        self._on_cell = on_cell
        """Called with the score set of every settled cell, awaited in this process or not."""
        self._on_calibration = on_calibration
        """Called when calibrations have changed, or may have."""
        self._on_names = on_names
        """Called when names of attribute sets or banks, or API keys, have changed, or may have."""
        self.on_dropped: Callable[[str], None] | None = None
        """Called with each job whose worker should stop; workers set it."""
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.banks: asyncio.Queue[str] = asyncio.Queue(maxsize=1000)
        """Digests of stored banks, for workers that index them in advance; `EVERY_BANK` after
        notices may have been missed."""

    async def start(self) -> None:
        """Start receiving, in the background."""
        self._task = asyncio.create_task(self._run(), name="notices")

    def stop_waiting(self) -> None:
        """Release all waiters with partial results."""
        self._closing = True
        for subscription in self._all():
            subscription.close()

    async def close(self) -> None:
        """Stop receiving."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextmanager
    def listen(
        self, score_set: str, on_piece: Callable[[PieceNotice], None] | None = None
    ) -> Iterator[Subscription]:
        """Subscribe to the cells of a score set. Enter before requesting them."""
        subscription = Subscription(closing=self._closing, on_piece=on_piece)
        self._subscriptions.setdefault(score_set, set()).add(subscription)
        try:
            yield subscription
        finally:
            others = self._subscriptions[score_set]
            others.discard(subscription)
            if not others:
                del self._subscriptions[score_set]

    def _all(self) -> list[Subscription]:
        return [one for group in self._subscriptions.values() for one in group]

    async def _run(self) -> None:
        while True:
            try:
                await self._receive()
            except (RedisError, OSError) as error:
                _log.warning("notices: Redis is unavailable, retrying: %s", error)
            except Exception:
                # All waiting requests depend on this task: it must never end.
                _log.exception("notices: unexpected error, subscribing again")
            await asyncio.sleep(_RECONNECT_S)

    async def _receive(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(NOTICES)
            heard = time.monotonic()
            while True:
                message = await pubsub.get_message(timeout=_SILENCE_S)
                if message is None:
                    if time.monotonic() - heard > 1.9 * _SILENCE_S:
                        # A server may vanish without closing its connections.
                        raise RedisConnectionError("no sign of life on the connection for notices")
                    await pubsub.ping()
                    continue
                heard = time.monotonic()
                if message["type"] == "subscribe":
                    self._resync()  # also after the client has reconnected silently
                elif message["type"] == "message":
                    self._dispatch(message["data"])

    def _resync(self) -> None:
        """Notices published while the connection was down are lost: waiters must read the store."""
        if self._on_calibration is not None:
            self._on_calibration()
        self._forget_names()
        self._add_bank(EVERY_BANK)
        for subscription in self._all():
            subscription.request_resync()

    def _forget_names(self) -> None:
        for forget in self._on_names:
            forget()

    def _add_bank(self, digest: str) -> None:
        if not self.banks.full():
            self.banks.put_nowait(digest)

    def _dispatch(self, data: bytes) -> None:
        try:
            notice = decode_notice(data)
        except ValueError as error:  # most likely from a newer version, during an upgrade
            _log.warning("ignored a notice that cannot be decoded: %s", error)
            return
        if isinstance(notice, PieceNotice):
            for subscription in self._subscriptions.get(notice.score_set, ()):
                if subscription.on_piece is not None:
                    subscription.on_piece(notice)
        elif isinstance(notice, CellNotice):
            if self._on_cell is not None:
                self._on_cell(notice.score_set)
            for subscription in self._subscriptions.get(notice.score_set, ()):
                subscription.add_settled(notice.field)
        elif isinstance(notice, CalibrationNotice):
            if self._on_calibration is not None:
                self._on_calibration()
        elif isinstance(notice, NamesNotice):
            self._forget_names()
        elif isinstance(notice, BankNotice):
            self._add_bank(notice.digest)
        elif isinstance(notice, DroppedNotice) and self.on_dropped is not None:
            self.on_dropped(notice.job)
