"""Fitted ratings of banks, made when first asked for and kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cachetools import LRUCache

from app.domain.people.audit import Audit, audit
from app.domain.people.bank import BankPeople, bank_people
from app.errors import AzimuthError, FieldError, InvalidRequest, UnknownBank
from app.store.banks import BankInfo, BankStore

_KEPT = 16
"""Banks. A fit of 40,000 ratings takes a few milliseconds, its text reader seconds."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A bank and what was fitted on its ratings."""

    info: BankInfo
    people: BankPeople


class FittedBanks:
    """Cache of fits, by bank version. Fits run in threads; requests for the same one share it."""

    def __init__(self, banks: BankStore) -> None:
        self._banks = banks
        self._fits: LRUCache[str, asyncio.Future[BankPeople]] = LRUCache(_KEPT)
        self._audits: LRUCache[str, asyncio.Future[Audit]] = LRUCache(_KEPT)
        # One at a time: audits of large banks take seconds of a core.
        self._auditing = asyncio.Semaphore(1)

    async def get(self, name: str, pointer: str) -> Fitted:
        """The fit of a bank's current version.

        Raises `UnknownBank`, or `InvalidRequest` if it has no ratings.
        """
        info = await self._banks.info(name)
        if info is None:
            raise await self._banks.unknown(name, pointer)
        if info.digest not in self._fits:
            self._fits[info.digest] = asyncio.ensure_future(self._fit(info))
        try:
            return Fitted(info, await asyncio.shield(self._fits[info.digest]))
        except ValueError as error:
            self._fits.pop(info.digest, None)
            detail = f"bank {name!r} cannot be used for people: {error}"
            raise InvalidRequest(detail, fields=[FieldError(pointer, detail)]) from error
        except AzimuthError:
            self._fits.pop(info.digest, None)
            raise

    async def audit(self, fitted: Fitted) -> Audit:
        """The audit of a bank."""
        digest = fitted.info.digest
        if digest not in self._audits:
            self._audits[digest] = asyncio.ensure_future(self._audit(fitted.people))
        return await asyncio.shield(self._audits[digest])

    async def _audit(self, people: BankPeople) -> Audit:
        async with self._auditing:
            return await asyncio.to_thread(audit, people.model, people.table.membership)

    async def _fit(self, info: BankInfo) -> BankPeople:
        bank = await self._banks.load(info.digest)
        if bank is None:
            raise UnknownBank(f"version {info.digest} of bank {info.name!r} has been deleted")
        return await asyncio.to_thread(bank_people, bank)
