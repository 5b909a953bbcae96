"""Calibrations by name, in Redis: those that are ready, those being fitted, and the artefacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.domain.calibration.info import CalibrationInfo
from app.domain.calibration.model import with_reports
from app.store.builtin_calibrations import builtin_calibrations
from app.store.notices import CalibrationNotice
from app.store.redis import NOTICES, PREFIX, as_text, translated
from app.store.scripts import script
from app.store.tenancy import own, own_names

_READY = PREFIX + "calibrations"
_FITS = PREFIX + "calibration-fits"
_ALIVE = PREFIX + "calibration-alive:"
_DATA = PREFIX + "calibration-data:"
_RETIRED_S = 86_400


class FitProgress(Struct, frozen=True):
    """A fit in progress, or how the last one ended."""

    state: Literal["scoring", "fitting", "done", "failed", "interrupted"]
    detail: str
    done: int = 0
    """Scenarios that are scored, or that failed."""
    total: int = 0
    left_out: dict[str, int] = {}
    warnings: tuple[str, ...] = ()
    """Parts of the request that have no effect, or an unexpected one."""
    started_ms: int = 0
    owner: str = ""
    """The process that fits it; empty when the fit has ended."""


class CalibrationState(Struct, frozen=True):
    """A calibration: its last fit, its version in use, or both."""

    fit: FitProgress | None
    info: CalibrationInfo | None
    """The version in use."""


class CalibrationStore:
    """Names point to versions; a version in use stays readable for a day after it is replaced."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._list = script(redis, "list_calibrations")
        self._begin = script(redis, "begin_fit")
        self._update = script(redis, "update_fit")

    async def ready(self) -> dict[str, CalibrationInfo]:
        """Every fitted calibration of the tenant by name, and the built-in ones.

        A fitted one hides a built-in one of the same name.
        """
        return _builtin_infos() | await self._fitted()

    async def _fitted(self) -> dict[str, CalibrationInfo]:
        with translated():
            stored = await self._redis.hgetall(_READY)
        return _infos(own_names(stored))

    async def states(self) -> dict[str, CalibrationState]:
        """Every calibration of the tenant that is ready, is being fitted, or failed, by name; and
        the built-in ones.

        A fit whose process has died is `interrupted`.
        """
        with translated():
            fitting, stored, alive = await self._list(keys=[_FITS, _READY], args=[_ALIVE])
        living = own_names(dict.fromkeys(map(as_text, alive)))
        infos = _builtin_infos() | _infos(own_names(_pairs(stored)))
        fits: dict[str, FitProgress] = {}
        for name, value in own_names(_pairs(fitting)).items():
            fit = msgspec.json.decode(value, type=FitProgress)
            if fit.owner and name not in living:
                fit = msgspec.structs.replace(fit, state="interrupted", detail=INTERRUPTED)
            fits[name] = fit
        return {
            name: CalibrationState(fits.get(name), infos.get(name))
            for name in sorted({*fits, *infos})
        }

    async def delete(self, name: str) -> bool:
        """Delete a calibration and its last fit, which stops if it is in progress.

        False when neither exists.
        """
        before = (await self._fitted()).get(name)
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hdel(_READY, own(name))
            pipe.hdel(_FITS, own(name))
            pipe.delete(_ALIVE + own(name))
            pipe.publish(NOTICES, msgspec.json.encode(CalibrationNotice(name)))
            deleted = await pipe.execute()
        await self._retire(before)
        return bool(deleted[0] or deleted[1])

    async def _retire(self, before: CalibrationInfo | None) -> None:
        """Let a version expire unless a name still points to it, of any tenant."""
        if before is None:
            return
        with translated():
            stored: Any = await self._redis.hvals(_READY)
            in_use = {with_reports(value, CalibrationInfo).digest for value in stored}
            if before.digest not in in_use:
                await self._redis.expire(_DATA + before.digest, _RETIRED_S)

    async def artefact(self, digest: str) -> bytes | None:
        """The bytes of one version."""
        for builtin in builtin_calibrations().values():
            if builtin.info.digest == digest:
                return builtin.content
        with translated():
            stored: Any = await self._redis.get(_DATA + digest)
        return bytes(stored) if stored else None

    async def begin(self, name: str, fit: FitProgress, *, ttl_s: int) -> bool:
        """Start a fit as `fit.owner`; False while another owner fits this name.

        An owner that sends no update for `ttl_s` seconds counts as dead.
        """
        with translated():
            begun = await self._begin(
                keys=[_FITS, _ALIVE + own(name)],
                args=[own(name), msgspec.json.encode(fit), fit.owner, ttl_s],
            )
        return bool(begun)

    async def update(self, name: str, fit: FitProgress, *, ttl_s: int) -> bool:
        """Store the progress of a fit; False when it is no longer `fit.owner`'s."""
        with translated():
            updated = await self._update(
                keys=[_FITS, _ALIVE + own(name)],
                args=[own(name), msgspec.json.encode(fit), fit.owner, ttl_s],
            )
        return bool(updated)

    async def end(self, name: str, fit: FitProgress) -> bool:
        """Store how a fit has ended; False when it was no longer `fit.owner`'s."""
        over = msgspec.structs.replace(fit, owner="")
        with translated():
            updated = await self._update(
                keys=[_FITS, _ALIVE + own(name)],
                args=[own(name), msgspec.json.encode(over), fit.owner, 0],
            )
        return bool(updated)

    async def finish(self, info: CalibrationInfo, artefact: bytes, fit: FitProgress) -> bool:
        """Store a fitted calibration and point its name to it, in one step; notify all processes.

        False, with nothing stored, when the fit was no longer `fit.owner`'s.
        """
        before = (await self._fitted()).get(info.name)
        over = msgspec.structs.replace(fit, owner="")
        notice = msgspec.json.encode(CalibrationNotice(info.name))
        content = (msgspec.json.encode(info), artefact, NOTICES, notice)
        with translated():
            stored = await self._update(
                keys=[_FITS, _ALIVE + own(info.name), _READY, _DATA + info.digest],
                args=(own(info.name), msgspec.json.encode(over), fit.owner, 0, *content),
            )
        if stored:
            await self._retire(before)
        return bool(stored)


INTERRUPTED = "the process that fitted it ended; PUT it again to continue: scores so far are cached"


def _builtin_infos() -> dict[str, CalibrationInfo]:
    return {name: builtin.info for name, builtin in builtin_calibrations().items()}


def _infos(stored: Mapping[str, Any]) -> dict[str, CalibrationInfo]:
    return {name: with_reports(value, CalibrationInfo) for name, value in sorted(stored.items())}


def _pairs(flat: Sequence[Any]) -> dict[Any, Any]:
    """A hash as a script returns it: names and values in turn."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
