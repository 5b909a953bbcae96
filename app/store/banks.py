"""Banks by name and digest, in Redis, where every worker can read them."""

from __future__ import annotations

import asyncio
import time
import zlib
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.domain.bank import Bank, LabelCoverage, label_coverage, parse_bank, serialize_bank
from app.domain.ratings.coverage import RatingCoverage, rating_coverage
from app.domain.ratings.retrieval import FittedGroup
from app.errors import FieldError, StoreUnavailable, UnknownBank
from app.store.memory import Memory
from app.store.notices import BankNotice, NamesNotice
from app.store.redis import NOTICES, PREFIX, as_text, now_ms, translated
from app.store.scripts import script
from app.store.tenancy import own, own_names

_NAMES = PREFIX + "banks"
_DATA = PREFIX + "bank-data:"
_VECTORS = PREFIX + "bank-vectors:"
_EMBEDDED = PREFIX + "bank-embedded:"
_FITTED = PREFIX + "bank-groups:"
_INDEXED = PREFIX + "bank-indexed:"
_INDEX_FAILED = PREFIX + "bank-index-failed:"
_CHANGED = msgspec.json.encode(NamesNotice("banks"))
_RETIRED_S = 86_400
_PIECE_BYTES = 1_000_000
"""Embeddings and large banks are stored in pieces of this size. Redis limits the size of a string
(512 MB by default, 1 MiB at least), and a single write must stay within the client's time-out."""
_WHOLE_BYTES = 32_000_000
"""Content up to this size, compressed, is stored as one string."""
_IN_PIECES = b"in pieces"
"""Stands in place of content that is stored in pieces."""
_PIECES = "pieces"
"""Field that holds the number of pieces; it is written last."""


_groups_decoder = msgspec.json.Decoder(dict[str, FittedGroup])


class BankInfo(Struct, frozen=True):
    """What a bank holds, without the scenarios themselves."""

    name: str
    digest: str
    scenarios: int
    responses: int
    labels: dict[str, LabelCoverage]
    created_ms: int
    builtin: bool = False
    ratings: RatingCoverage | None = None
    """What the bank's raters have rated; None without ratings."""


class _Packaged(Struct, frozen=True):
    info: BankInfo
    bank: Bank


@cache
def builtin_banks() -> dict[str, _Packaged]:
    """The banks that ship with Azimuth, by name."""
    folder = files("app.store") / "builtin" / "banks"
    packaged: dict[str, _Packaged] = {}
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        name, _, suffix = entry.name.rpartition(".")
        if suffix == "jsonl":
            bank = parse_bank(entry.read_bytes())
            packaged[name] = _Packaged(describe(name, bank, builtin=True), bank)
    return packaged


def describe(name: str, bank: Bank, *, builtin: bool = False) -> BankInfo:
    """Count what a bank holds."""
    return BankInfo(
        name=name,
        digest=bank.digest,
        scenarios=len(bank.scenarios),
        responses=sum(len(s.responses) for s in bank.scenarios),
        labels=label_coverage(bank.scenarios),
        created_ms=0 if builtin else int(time.time() * 1000),
        builtin=builtin,
        ratings=rating_coverage(bank),
    )


class BankStore:
    """Names point to digests; content is stored by digest, so a version in use stays readable.

    Names belong to a tenant; content is stored once for all of them.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._memory: Memory[BankInfo] = Memory()
        self._retire = script(redis, "retire_bank")
        self._follow = script(redis, "follow_bank")

    def forget(self) -> None:
        """Read names again: they have changed, or may have."""
        self._memory.forget()

    async def info(self, name: str) -> BankInfo | None:
        """The bank called `name`; a stored one hides a built-in one."""

        async def read() -> BankInfo | None:
            with translated():
                stored = await self._redis.hget(_NAMES, own(name))
            if stored:
                return msgspec.json.decode(stored, type=BankInfo)
            packaged = builtin_banks().get(name)
            return packaged.info if packaged else None

        return await self._memory.get(own(name), read)

    async def unknown(self, name: str, pointer: str) -> UnknownBank:
        """The error for a request whose field at `pointer` names an unknown bank."""
        known = await self.names()
        return UnknownBank(
            f"no bank is called {name!r}",
            fields=[FieldError(pointer, f"known banks: {', '.join(known)}")],
            extensions={"known": known},
        )

    async def infos(self) -> list[BankInfo]:
        """All banks, sorted by name."""
        with translated():
            stored = await self._redis.hgetall(_NAMES)
        infos = {name: packaged.info for name, packaged in builtin_banks().items()}
        for name, value in own_names(stored).items():
            infos[name] = msgspec.json.decode(value, type=BankInfo)
        return [infos[name] for name in sorted(infos)]

    async def names(self) -> list[str]:
        """Names of all banks."""
        return [info.name for info in await self.infos()]

    async def put(self, name: str, bank: Bank) -> BankInfo:
        """Store a bank and point `name` to it, in one step; workers are notified."""
        info = await asyncio.to_thread(describe, name, bank)
        content = await asyncio.to_thread(lambda: zlib.compress(serialize_bank(bank), level=3))
        notice = msgspec.json.encode(BankNotice(digest=bank.digest))
        pieces: list[str] = []
        if len(content) > _WHOLE_BYTES:
            pieces.append(_pieces_key(bank.digest))
            await self._put_pieces(pieces[0], content)
            content = _IN_PIECES
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hget(_NAMES, own(name))
            pipe.set(_DATA + bank.digest, content)
            pipe.hset(_NAMES, own(name), msgspec.json.encode(info))
            pipe.publish(NOTICES, notice)
            pipe.publish(NOTICES, _CHANGED)
            before, *_ = await pipe.execute()
            self.forget()
            # What belongs to it lives as long. This version may have been stored before: its
            # embeddings must not expire.
            await self._follow(keys=[_DATA + bank.digest, _EMBEDDED + bank.digest], args=pieces)
        await self._let_expire(before)
        return info

    async def delete(self, name: str) -> bool:
        """Delete a stored name, which uncovers a built-in bank of that name; False if none was.

        The content stays for a day: jobs may still use it.
        """
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hget(_NAMES, own(name))
            pipe.hdel(_NAMES, own(name))
            pipe.publish(NOTICES, _CHANGED)
            before, deleted, _ = await pipe.execute()
            self.forget()
        await self._let_expire(before)
        return bool(deleted)

    async def _let_expire(self, before: bytes | None) -> None:
        """Let the version that a name pointed to expire, unless another name points to it."""
        if before is None:
            return
        digest = msgspec.json.decode(before, type=BankInfo).digest
        with translated():
            await self._retire(
                keys=[_NAMES, _DATA + digest, _EMBEDDED + digest], args=[digest, _RETIRED_S]
            )

    async def load(self, digest: str) -> Bank | None:
        """One version of a bank."""
        if packaged := _packaged(digest):
            return packaged.bank
        with translated():
            content: Any = await self._redis.get(_DATA + digest)
        if content == _IN_PIECES:
            content = await self._pieces(_pieces_key(digest))
        if not content:
            return None
        # Off the event loop: a large bank takes seconds to read.
        return await asyncio.to_thread(lambda: parse_bank(zlib.decompress(content)))

    async def digests(self) -> list[str]:
        """Current versions of all tenants' banks, which workers index in advance."""
        with translated():
            stored = await self._redis.hvals(_NAMES)
        infos = [packaged.info for packaged in builtin_banks().values()]
        infos += [msgspec.json.decode(value, type=BankInfo) for value in stored]
        return list(dict.fromkeys(info.digest for info in infos))

    async def vectors(self, digest: str, embedder: str) -> bytearray | None:
        """Embeddings of a bank's questions, float32, row-major; None unless all are stored."""
        return await self._pieces(_vectors_key(digest, embedder))

    async def _pieces(self, key: str) -> bytearray | None:
        """What `put_vectors` or `_put_pieces` wrote; None unless all of it is there."""
        whole = bytearray()
        with translated():
            pieces = int(await self._redis.hget(key, _PIECES) or 0)
            for number in range(pieces):
                piece: Any = await self._redis.hget(key, str(number))
                if piece is None:
                    return None
                whole += piece
        return whole or None

    async def _put_pieces(self, key: str, content: bytes) -> None:
        """Write content in pieces, which expire unless a bank keeps them."""
        starts = range(0, len(content), _PIECE_BYTES)
        with translated():
            for number, start in enumerate(starts):
                piece: Any = content[start : start + _PIECE_BYTES]
                await self._redis.hset(key, str(number), piece)
                await self._redis.expire(key, _RETIRED_S)
            await self._redis.hset(key, _PIECES, str(len(starts)))

    async def put_vectors(self, digest: str, embedder: str, vectors: bytes | memoryview) -> None:
        """Share a bank's embeddings with the other workers: all of them, or none.

        They live as long as the bank, and are not stored for one that has been deleted.
        """
        key = _vectors_key(digest, embedder)
        starts = range(0, len(vectors), _PIECE_BYTES)
        try:
            with translated():
                for number, start in enumerate(starts):
                    piece: Any = bytes(vectors[start : start + _PIECE_BYTES])
                    await self._redis.hset(key, str(number), piece)
                    # At the first piece, so that a failure leaves little behind.
                    if number == 0 and not await self._bind(digest, key):
                        return
                await self._redis.hset(key, _PIECES, str(len(starts)))
        except StoreUnavailable:
            # An incomplete set is useless, and a full Redis needs the space.
            with suppress(StoreUnavailable), translated():
                await self._redis.unlink(key)
            raise

    async def put_fitted_groups(
        self, digest: str, embedder: str, groups: dict[str, FittedGroup]
    ) -> None:
        """Store what was fitted for the groups of a bank; it lives as long as the bank."""
        key = _FITTED + digest
        content: Any = msgspec.json.encode(groups)
        with translated():
            await self._redis.hset(key, embedder, content)
            if not await self._bind(digest, key):
                await self._redis.unlink(key)

    async def fitted_groups(self, digest: str, embedder: str) -> dict[str, FittedGroup]:
        """What was fitted for the groups of a bank, with the vectors of one embedder."""
        with translated():
            stored = await self._redis.hget(_FITTED + digest, embedder)
        return _groups_decoder.decode(stored) if stored else {}

    async def fitted_with(self, digest: str) -> dict[str, dict[str, FittedGroup]]:
        """Embedder -> what was fitted for the groups of a bank."""
        with translated():
            stored = await self._redis.hgetall(_FITTED + digest)
        return {as_text(name): _groups_decoder.decode(one) for name, one in sorted(stored.items())}

    async def _bind(self, digest: str, key: str) -> bool:
        """Tie the life of embeddings to their bank; False if it has been deleted."""
        if _packaged(digest) is not None:
            return True
        return bool(await self._follow(keys=[_DATA + digest, _EMBEDDED + digest], args=[key]))

    async def mark_indexed(self, digest: str, worker: str, *, ttl_s: float) -> None:
        """Record that a worker's index of a bank is ready; repeated with each heartbeat."""
        await self._report(_INDEXED + digest, worker, "", ttl_s)

    async def indexed_by(self, digest: str) -> list[str]:
        """Live workers whose index of a bank is ready."""
        return sorted(await self._reports(_INDEXED + digest))

    async def mark_index_failed(
        self, digest: str, worker: str, reason: str, *, ttl_s: float
    ) -> None:
        """Record why a worker could not index a bank; repeated until it can."""
        await self._report(_INDEX_FAILED + digest, worker, reason, ttl_s)

    async def index_failures(self, digest: str) -> dict[str, str]:
        """Live workers that could not index a bank -> why."""
        return await self._reports(_INDEX_FAILED + digest)

    async def _report(self, key: str, worker: str, text: str, ttl_s: float) -> None:
        """Store what a worker says, and until when it holds (by Redis's clock)."""
        with translated():
            until = await now_ms(self._redis) + int(ttl_s * 1000)
            pipe = self._redis.pipeline(transaction=False)
            pipe.hset(key, worker, f"{until} {text}".rstrip())
            pipe.expire(key, int(ttl_s) + 1)
            await pipe.execute()

    async def _reports(self, key: str) -> dict[str, str]:
        """Worker -> its text, of reports that still hold."""
        with translated():
            stored = await self._redis.hgetall(key)
            now = await now_ms(self._redis)
        reports = {
            as_text(worker): as_text(report).partition(" ") for worker, report in stored.items()
        }
        return {worker: text for worker, (until, _, text) in reports.items() if int(until) > now}


def _packaged(digest: str) -> _Packaged | None:
    return next((p for p in builtin_banks().values() if p.bank.digest == digest), None)


def _pieces_key(digest: str) -> str:
    return f"{_DATA}{digest}:{_PIECES}"


def _vectors_key(digest: str, embedder: str) -> str:
    """Hash of piece number -> piece. (Earlier versions had one string, under another key.)"""
    return f"{_VECTORS}{digest}:{embedder}:{_PIECES}"
