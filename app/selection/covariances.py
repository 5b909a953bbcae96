"""Label covariances of banks, computed on demand and cached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cachetools import LRUCache

from app.domain.arrays import Floats
from app.domain.selection.covariance import label_covariance
from app.errors import FieldError, InvalidRequest, UnknownBank
from app.store.banks import BankStore

_KEPT = 64
_POINTER = "#/selection/covariance_bank"
NO_BANK = "the scores were made without a bank of examples: name one in selection.covariance_bank"


class LabelCovariances:
    """Cache of label covariances, by bank version and attributes."""

    def __init__(self, banks: BankStore) -> None:
        self._banks = banks
        self._known: LRUCache[tuple[str, tuple[str, ...]], Floats] = LRUCache(_KEPT)

    async def digest_of(self, name: str) -> str:
        """Digest of a bank's current version. Raises `UnknownBank`."""
        info = await self._banks.info(name)
        if info is None:
            raise await self._banks.unknown(name, _POINTER)
        return info.digest

    async def get(self, digest: str | None, attributes: Sequence[str]) -> Floats:
        """Covariance of the attributes' labels in a bank, (A, A), in squared units of the labels.

        Rows and columns of attributes with fewer than two labels are NaN. Raises `InvalidRequest`
        if `digest` is None, and `UnknownBank` if this version has expired.
        """
        if digest is None:
            raise InvalidRequest(NO_BANK, fields=[FieldError(_POINTER, NO_BANK)])
        key = (digest, tuple(attributes))
        if key not in self._known:
            bank = await self._banks.load(digest)
            if bank is None:
                detail = (
                    f"version {digest} of the bank has expired: score again, or name a bank in "
                    "selection.covariance_bank"
                )
                raise UnknownBank(detail, fields=[FieldError(_POINTER, detail)])
            self._known[key] = await asyncio.to_thread(label_covariance, bank.scenarios, attributes)
        return self._known[key]
