"""Calibrations by name, in Redis: what is ready, what is being fitted, and the artefacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.domain.calibration.model import AttributeReport
from app.domain.scorer import BankRef, Scorer
from app.store.notices import CalibrationNotice
from app.store.redis import NOTICES, PREFIX, as_text, translated

_READY = PREFIX + "calibrations"
_FITS = PREFIX + "calibration-fits"
_ALIVE = PREFIX + "calibration-alive:"
_DATA = PREFIX + "calibration-data:"
_RETIRED_S = 86_400

# Whoever fits is alive as long as it says so; whose fit it is, the record of its progress tells. So
# a process that was silent for too long goes on, and one whose fit was deleted or begun anew by
# another has nothing to say any more.

# KEYS: fits, alive.  ARGV: name, progress, owner, seconds until it must be heard of again.
_BEGIN = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
return 1
"""

# KEYS: fits, alive, ready, data.  ARGV: name, progress, owner, seconds as above or 0 at the end;
# and for one that is fitted: its info, artefact, channel, notice.
_TELL = """
local told = redis.call('HGET', KEYS[1], ARGV[1])
if not told or cjson.decode(told).owner ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if tonumber(ARGV[4]) > 0 then
  redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
else
  redis.call('DEL', KEYS[2])
end
if ARGV[5] then
  redis.call('SET', KEYS[4], ARGV[6])
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[5])
  redis.call('PUBLISH', ARGV[7], ARGV[8])
end
return 1
"""

# KEYS: fits, ready.  ARGV: prefix of alive.  Returns both hashes and the names that are alive, as
# they are at one moment: a fit that ends in between would seem interrupted, or ready with nothing.
_LOOK = """
local alive = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. name) == 1 then table.insert(alive, name) end
end
return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]), alive}
"""


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
    """Scenarios that the judge scored for it."""
    left_out: dict[str, int]
    """Why scenarios or cells of the bank could not be used -> how many."""
    reports: tuple[AttributeReport, ...]
    created_ms: int
    labelled: int = 0
    """Scenarios whose labels surface features were fitted on; 0 where they were the scored ones."""


class FitProgress(Struct, frozen=True):
    """A fit under way, or how the last one ended."""

    state: Literal["scoring", "fitting", "done", "failed", "interrupted"]
    detail: str
    done: int = 0
    """Scenarios that are scored, or cannot be."""
    total: int = 0
    left_out: dict[str, int] = {}
    warnings: tuple[str, ...] = ()
    """What of the request has no effect, or not the one that one may expect."""
    started_ms: int = 0
    owner: str = ""
    """Who is at it; nobody when it has ended."""


class CalibrationState(Struct, frozen=True):
    """What there is of a calibration: one of the two at least."""

    fit: FitProgress | None
    info: CalibrationInfo | None
    """The version in use."""


class CalibrationStore:
    """Names point to versions; a version in use stays readable for a day after it is replaced."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._look = redis.register_script(_LOOK)
        self._begin = redis.register_script(_BEGIN)
        self._tell = redis.register_script(_TELL)

    async def ready(self) -> dict[str, CalibrationInfo]:
        """Every fitted calibration by name."""
        with translated():
            stored = await self._redis.hgetall(_READY)
        return _infos(stored)

    async def states(self) -> dict[str, CalibrationState]:
        """Every calibration that is fitted, is being fitted, or failed to be, by name.

        A fit whose process is gone is `interrupted`.
        """
        with translated():
            told, stored, alive = await self._look(keys=[_FITS, _READY], args=[_ALIVE])
        living = {as_text(name) for name in alive}
        infos = _infos(_pairs(stored))
        fits: dict[str, FitProgress] = {}
        for raw, value in _pairs(told).items():
            name = as_text(raw)
            fit = msgspec.json.decode(value, type=FitProgress)
            if fit.owner and name not in living:
                fit = msgspec.structs.replace(fit, state="interrupted", detail=INTERRUPTED)
            fits[name] = fit
        return {
            name: CalibrationState(fits.get(name), infos.get(name))
            for name in sorted({*fits, *infos})
        }

    async def delete(self, name: str) -> bool:
        """Forget a calibration and its last fit, which stops if it is under way.

        False when there was neither.
        """
        before = (await self.ready()).get(name)
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hdel(_READY, name)
            pipe.hdel(_FITS, name)
            pipe.delete(_ALIVE + name)
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

    async def begin(self, name: str, fit: FitProgress, *, ttl_s: int) -> bool:
        """Become `fit.owner`, the one that fits a name; False while another is at it.

        Whoever is not heard of for `ttl_s` seconds is taken for gone.
        """
        with translated():
            begun = await self._begin(
                keys=[_FITS, _ALIVE + name],
                args=[name, msgspec.json.encode(fit), fit.owner, ttl_s],
            )
        return bool(begun)

    async def tell(self, name: str, fit: FitProgress, *, ttl_s: int) -> bool:
        """Tell how `fit.owner`'s fit is going; False when it is no longer theirs."""
        with translated():
            told = await self._tell(
                keys=[_FITS, _ALIVE + name],
                args=[name, msgspec.json.encode(fit), fit.owner, ttl_s],
            )
        return bool(told)

    async def end(self, name: str, fit: FitProgress) -> bool:
        """Tell how `fit.owner`'s fit has ended; False when it was no longer theirs."""
        over = msgspec.structs.replace(fit, owner="")
        with translated():
            told = await self._tell(
                keys=[_FITS, _ALIVE + name], args=[name, msgspec.json.encode(over), fit.owner, 0]
            )
        return bool(told)

    async def finish(self, info: CalibrationInfo, artefact: bytes, fit: FitProgress) -> bool:
        """Store what `fit.owner` fitted and point its name to it, in one step; all processes hear.

        False, and nothing is stored, when the fit was no longer theirs.
        """
        before = (await self.ready()).get(info.name)
        over = msgspec.structs.replace(fit, owner="")
        notice = msgspec.json.encode(CalibrationNotice(info.name))
        content = (msgspec.json.encode(info), artefact, NOTICES, notice)
        with translated():
            stored = await self._tell(
                keys=[_FITS, _ALIVE + info.name, _READY, _DATA + info.digest],
                args=(info.name, msgspec.json.encode(over), fit.owner, 0, *content),
            )
        if stored:
            await self._retire(before)
        return bool(stored)


INTERRUPTED = (
    "the process that fitted it ended; put it again to go on: what is scored by now is cached"
)


def _infos(stored: Mapping[Any, Any]) -> dict[str, CalibrationInfo]:
    return {
        as_text(name): msgspec.json.decode(value, type=CalibrationInfo)
        for name, value in sorted(stored.items())
    }


def _pairs(flat: Sequence[Any]) -> dict[Any, Any]:
    """A hash as a script returns it: names and values by turns."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
