"""Calibrations by name, in Redis: what is ready, what is being fitted, and the artefacts."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.domain.calibration import AttributeReport
from app.domain.types import BankRef, Scorer
from app.store.queue import CalibrationNotice
from app.store.redis import NOTICES, PREFIX, as_text, translated

_READY = PREFIX + "calibrations"
_FITS = PREFIX + "calibration-fits"
_CLAIM = PREFIX + "calibration-claim:"
_DATA = PREFIX + "calibration-data:"
_RETIRED_S = 86_400


class CalibrationInfo(Struct, frozen=True):
    """A fitted calibration, without its arrays."""

    name: str
    digest: str
    """Version: hash of the artefact's content."""
    fingerprint: str
    """Of the scorer that it is for."""
    scorer: Scorer
    fields: tuple[str, ...]
    """Cell fields (`name@digest`) of the attributes that it knows."""
    bank: BankRef
    """The labelled bank that it was fitted on."""
    scenarios: int
    """Scenarios that it was fitted on."""
    left_out: dict[str, int]
    """Why scenarios or cells of the bank could not be used -> how many."""
    reports: tuple[AttributeReport, ...]
    created_ms: int


class FitProgress(Struct, frozen=True):
    """A fit under way, or how the last one ended."""

    state: Literal["scoring", "fitting", "done", "failed", "interrupted"]
    detail: str
    done: int = 0
    """Scenarios that are scored, or cannot be."""
    total: int = 0
    left_out: dict[str, int] = {}
    started_ms: int = 0


class CalibrationStore:
    """Names point to versions; a version in use stays readable for a day after it is replaced."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def ready(self) -> dict[str, CalibrationInfo]:
        """Every fitted calibration by name."""
        with translated():
            stored = await self._redis.hgetall(_READY)
        return {
            as_text(name): msgspec.json.decode(value, type=CalibrationInfo)
            for name, value in sorted(stored.items())
        }

    async def put(self, info: CalibrationInfo, artefact: bytes) -> None:
        """Store a fitted calibration and point its name to it, in one step; all processes hear."""
        before = (await self.ready()).get(info.name)
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.set(_DATA + info.digest, artefact)
            pipe.hset(_READY, info.name, msgspec.json.encode(info))
            pipe.publish(NOTICES, msgspec.json.encode(CalibrationNotice(info.name)))
            await pipe.execute()
        await self._retire(before)

    async def delete(self, name: str) -> bool:
        """Forget a calibration and its last fit; False when there was neither."""
        before = (await self.ready()).get(name)
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hdel(_READY, name)
            pipe.hdel(_FITS, name)
            pipe.publish(NOTICES, msgspec.json.encode(CalibrationNotice(name)))
            found = await pipe.execute()
        await self._retire(before)
        return bool(found[0] or found[1])

    async def _retire(self, before: CalibrationInfo | None) -> None:
        """Let a version that no name points to any more expire."""
        if before is None:
            return
        in_use = {info.digest for info in (await self.ready()).values()}
        if before.digest not in in_use:
            with translated():
                await self._redis.expire(_DATA + before.digest, _RETIRED_S)

    async def artefact(self, digest: str) -> bytes | None:
        """The bytes of one version."""
        with translated():
            stored: Any = await self._redis.get(_DATA + digest)
        return bytes(stored) if stored else None

    async def progress(self) -> dict[str, FitProgress]:
        """The last fit of every name; one whose process is gone is `interrupted`."""
        with translated():
            stored = await self._redis.hgetall(_FITS)
        fits: dict[str, FitProgress] = {}
        for raw, value in stored.items():
            name = as_text(raw)
            fit = msgspec.json.decode(value, type=FitProgress)
            if fit.state in ("scoring", "fitting") and not await self._claimed(name):
                fit = msgspec.structs.replace(fit, state="interrupted", detail=INTERRUPTED)
            fits[name] = fit
        return fits

    async def set_progress(self, name: str, fit: FitProgress) -> None:
        """Tell how a fit is going."""
        with translated():
            await self._redis.hset(_FITS, name, msgspec.json.encode(fit))

    async def claim(self, name: str, owner: str, *, ttl_s: int) -> bool:
        """Become the one process that fits a name; False while another is at it."""
        with translated():
            taken = await self._redis.set(_CLAIM + name, owner, nx=True, ex=ttl_s)
        return bool(taken)

    async def keep(self, name: str, owner: str, *, ttl_s: int) -> bool:
        """Hold a claim for longer; False when it is lost, be it that the name was deleted."""
        with translated():
            if await self._redis.get(_CLAIM + name) != owner.encode():
                return False
            return bool(await self._redis.expire(_CLAIM + name, ttl_s))

    async def release(self, name: str) -> None:
        """Give a claim up; a fit that is under way stops then."""
        with translated():
            await self._redis.delete(_CLAIM + name)

    async def _claimed(self, name: str) -> bool:
        with translated():
            return bool(await self._redis.exists(_CLAIM + name))


INTERRUPTED = (
    "the process that fitted it ended; put it again to go on: what is scored by now is cached"
)
