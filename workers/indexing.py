"""Indexes banks ahead of need, so that the first request for one does not wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter

from app.errors import StoreUnavailable, UnknownBank
from app.store.banks import BankStore
from app.store.notice_hub import EVERY_BANK, NoticeHub
from workers.policy import Backoff, plain
from workers.retrieval.library import BankLibrary

_log = logging.getLogger(__name__)


async def index_forever(
    banks: BankStore, library: BankLibrary, hub: NoticeHub, backoff: Backoff
) -> None:
    """Index the stored banks, then each new one as soon as it is stored.

    A bank that fails is retried less and less often; the others are indexed meanwhile. No failure
    ends this: a worker without an index for one bank still serves requests that name others.
    """
    due = {EVERY_BANK: time.monotonic()}
    failures: Counter[str] = Counter()
    while True:
        digest = await _next_due(due, hub)
        try:
            if digest == EVERY_BANK:
                current = await banks.digests()
                for stored in current:
                    if stored not in library.ready:
                        due.setdefault(stored, time.monotonic())
                await asyncio.to_thread(library.prune, current)
            else:
                await library.get(digest)
                await library.fit_groups(digest)
            _settled(digest, failures, library)
        except UnknownBank as error:
            # Deleted meanwhile. A notice follows if it is stored again.
            _settled(digest, failures, library)
            _log.warning("indexing ahead of need: %s", error.detail)
        except Exception as error:
            failures[digest] += 1
            if digest != EVERY_BANK:
                library.failed[digest] = plain(error)
            due[digest] = time.monotonic() + backoff.wait_s(failures[digest])
            if isinstance(error, StoreUnavailable):
                # Notices may have been lost as well.
                due.setdefault(EVERY_BANK, due[digest])
            _log.warning(
                "indexing ahead of need: %s",
                plain(error),
                extra={"bank": digest},
                exc_info=not isinstance(error, StoreUnavailable),
            )


def _settled(digest: str, failures: Counter[str], library: BankLibrary) -> None:
    del failures[digest]
    library.failed.pop(digest, None)


async def _next_due(due: dict[str, float], hub: NoticeHub) -> str:
    """Wait for the next bank to index and remove it from `due` (digest -> when, monotonic)."""
    while True:
        while not hub.banks.empty():
            due[hub.banks.get_nowait()] = time.monotonic()
        first = min(due, key=due.__getitem__, default=None)
        if first is not None and due[first] <= time.monotonic():
            del due[first]
            return first
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if first is None else due[first] - time.monotonic()):
                due[await hub.banks.get()] = time.monotonic()
