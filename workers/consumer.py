"""Claims jobs of one pool, keeps their leases, and drains when the worker stops."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from app.errors import StoreUnavailable
from app.settings import WorkerSettings
from workers.canary import Canary
from workers.errors import WorkerFailed
from workers.handling import JobHandler
from workers.heartbeat import Status

_log = logging.getLogger(__name__)
_BLOCK_MS = 1000


@dataclass(slots=True)
class Consumer:
    """Claims jobs and has them handled, `settings.concurrency` at once."""

    handler: JobHandler
    canary: Canary
    status: Status
    settings: WorkerSettings
    _patient_until: float = 0.0
    """Until then only jobs that were given back are taken over (`time.monotonic`)."""
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """Stream entry -> the task that handles its job, named by the job's id."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain. Raises `WorkerFailed`."""
        async with asyncio.TaskGroup() as group:
            keepers = [
                group.create_task(self._renew_leases()),
                group.create_task(self._watch_model()),
            ]
            try:
                await self._claim_until(stop)
                await self._drain()
            finally:
                for keeper in keepers:
                    keeper.cancel()
        if self.handler.failed:
            raise WorkerFailed(self.handler.failed)

    async def _claim_until(self, stop: asyncio.Event) -> None:
        queue, pool = self.handler.queue, self.handler.pool
        opened = False
        next_take_over = 0.0
        self._be_patient()
        while not stop.is_set() and not self.handler.failed:
            free = self.settings.concurrency - len(self._tasks)
            if free <= 0:
                await asyncio.wait(
                    self._tasks.values(), timeout=1.0, return_when=asyncio.FIRST_COMPLETED
                )
                continue
            try:
                if not opened:
                    await queue.open(pool)
                    await self._renew()  # before others take them over, and before new ones come
                    opened = True
                claimed: list[tuple[str, str]] = []
                if time.monotonic() >= next_take_over:
                    next_take_over = time.monotonic() + self.settings.take_over_s
                    claimed = await self._take_over(free)
                if not claimed:
                    claimed = await queue.read(
                        pool, self.status.worker_id, count=free, block_ms=_BLOCK_MS
                    )
            except StoreUnavailable as error:
                _log.warning("claiming: %s", error.detail)
                opened = False
                self._be_patient()
                await asyncio.sleep(self.settings.store_retry_s)
                continue
            for entry_id, job_id in claimed:
                self._begin(entry_id, job_id)

    def drop(self, job_id: str) -> None:
        """Stop working on a job that nobody waits for any more, if this worker has it."""
        for task in self._tasks.values():
            if task.get_name() == job_id:
                _log.info("job stopped: nobody waits for it", extra={"job": job_id})
                task.cancel()

    async def _take_over(self, free: int) -> list[tuple[str, str]]:
        patient = time.monotonic() < self._patient_until
        lease_ms = None if patient else int(self.settings.lease_s * 1000)
        taken = await self.handler.queue.take_over(
            self.handler.pool, self.status.worker_id, count=free, lease_ms=lease_ms
        )
        for _, job_id in taken:
            why = "was given back" if patient else "has no live worker or was given back"
            _log.warning("took over a job that %s", why, extra={"job": job_id})
        return taken

    def _be_patient(self) -> None:
        """While Redis was away leases ran out: give live workers the time to renew theirs."""
        self._patient_until = time.monotonic() + self.settings.lease_s / 2

    def _begin(self, entry_id: str, job_id: str) -> None:
        if entry_id in self._tasks:
            return  # taken over from this worker itself: already being handled
        task = asyncio.create_task(self.handler.handle(entry_id, job_id), name=job_id)
        self._tasks[entry_id] = task
        task.add_done_callback(lambda _: self._ended(entry_id))
        self.status.in_flight = len(self._tasks)

    def _ended(self, entry_id: str) -> None:
        task = self._tasks.pop(entry_id, None)
        if task is not None and not self.handler.failed:
            self.handler.begun.discard(task.get_name())
        self.status.in_flight = len(self._tasks)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self.settings.lease_s / 3)
            try:
                await self._renew()
            except StoreUnavailable as error:
                _log.warning("renewing leases: %s", error.detail)

    async def _renew(self) -> None:
        """Renew the leases of all jobs, and drop those that this worker no longer holds."""
        entries = list(self._tasks)
        held = await self.handler.queue.renew(self.handler.pool, self.status.worker_id, entries)
        for entry_id in set(entries) - held:
            if (task := self._tasks.get(entry_id)) is not None:
                # Taken over while this worker was silent, or lost with Redis's data: whoever still
                # waits for it has another job by now. It may also have ended this very moment.
                _log.warning("job dropped: its lease was lost", extra={"job": task.get_name()})
                task.cancel()

    async def _watch_model(self) -> None:
        self.handler.failed = await self.canary.watch()

    async def _drain(self) -> None:
        """Finish the jobs under way, within a time limit; give the rest back."""
        failed = self.handler.failed
        if failed:
            self.status.state, self.status.detail = "failed", failed
        else:
            self.status.state, self.status.detail = "draining", "finishing jobs under way"
        if self._tasks and not failed:
            await asyncio.wait(self._tasks.values(), timeout=self.settings.drain_s)
        left, begun = dict(self._tasks), set(self.handler.begun)
        for task in left.values():
            task.cancel()
        await asyncio.gather(*left.values(), return_exceptions=True)
        for entry_id, task in left.items():
            job_id = task.get_name()
            # If the engine failed, any of these jobs may be the cause: their starts count.
            refund = job_id in begun and not self.handler.failed
            try:
                await self.handler.give_back(entry_id, job_id, refund=refund)
            except StoreUnavailable as error:
                _log.warning("giving a job back: %s", error.detail)
