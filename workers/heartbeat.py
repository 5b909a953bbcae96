"""Heartbeats: what a worker reports about itself, again and again."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from dataclasses import dataclass

from app.errors import StoreUnavailable
from app.store.banks import BankStore
from app.store.fleet import HEARTBEAT_S, Fleet, Pool, WorkerInfo, WorkerState
from workers.retrieval.library import BankLibrary

_log = logging.getLogger(__name__)


def new_worker_id() -> str:
    """Return an id for this process: host, process id, and a random part."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def host_of(worker_id: str) -> str:
    """Return the host of a worker; host names may contain hyphens themselves."""
    return worker_id.rsplit("-", 2)[0]


@dataclass(slots=True)
class Status:
    """What this worker reports with each heartbeat."""

    worker_id: str
    model: str
    engine: str = ""
    state: WorkerState = "loading"
    detail: str = "starting"
    pool: Pool | None = None
    in_flight: int = 0

    def info(self) -> WorkerInfo:
        """Return the status as the fleet stores it."""
        return WorkerInfo(
            id=self.worker_id,
            state=self.state,
            detail=self.detail,
            pool=self.pool.name if self.pool else None,
            model=self.model,
            in_flight=self.in_flight,
            engine=self.engine,
        )


async def beat_forever(
    fleet: Fleet, status: Status, banks: BankStore, library: BankLibrary | None
) -> None:
    """Report this worker's status and its indexed banks; continue when Redis is away."""
    while True:
        try:
            await fleet.beat(status.info(), status.pool)
            if library:
                await report_indexes(banks, library, status.worker_id, ttl_s=4 * HEARTBEAT_S)
        except StoreUnavailable as error:
            _log.warning("heartbeat: %s", error.detail)
        await asyncio.sleep(HEARTBEAT_S)


async def report_indexes(
    banks: BankStore, library: BankLibrary, worker_id: str, *, ttl_s: float
) -> None:
    """Record which banks this worker has indexed, and which it could not and why."""
    for digest in library.ready:
        await banks.mark_indexed(digest, worker_id, ttl_s=ttl_s)
    for digest, reason in library.failed.items():
        await banks.mark_index_failed(digest, worker_id, reason, ttl_s=ttl_s)
