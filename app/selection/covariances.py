"""Label covariances of banks, computed once and kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from app.domain.arrays import Floats
from app.domain.selection.covariance import label_covariance
from app.errors import FieldError, InvalidRequest, UnknownBank
from app.store.banks import BankStore

_KEPT = 64

NO_BANK = "these scores had no bank of examples: name one in covariance_bank"


class LabelCovariances:
    """Covariances by bank version and attributes; the least lately used goes first."""

    def __init__(self, banks: BankStore) -> None:
        self._banks = banks
        self._known: OrderedDict[tuple[str, tuple[str, ...]], Floats] = OrderedDict()

    async def digest_of(self, name: str) -> str:
        """The current version of a bank. Raises `UnknownBank`."""
        info = await self._banks.info(name)
        if info is None:
            raise await self._banks.unknown(name, "#/covariance_bank")
        return info.digest

    async def get(
        self, digest: str | None, attributes: Sequence[str]
    ) -> tuple[Floats, dict[str, InvalidRequest]]:
        """Covariance of attributes' labels in a bank, (A, A), and what keeps some from one.

        Rows and columns of attributes that the bank labels too seldom are NaN, and these have their
        problem. Raises `InvalidRequest` without a bank, and `UnknownBank` for a version that has
        expired.
        """
        if digest is None:
            raise InvalidRequest(NO_BANK, fields=[FieldError("#/covariance_bank", NO_BANK)])
        key = (digest, tuple(attributes))
        if key not in self._known:
            bank = await self._banks.load(digest)
            if bank is None:
                says = f"the bank's version {digest} has expired"
                raise UnknownBank(says, fields=[FieldError("#/covariance_bank", says)])
            self._known[key] = await asyncio.to_thread(label_covariance, bank.scenarios, attributes)
        self._known.move_to_end(key)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        covariance = self._known[key]
        return covariance, {
            name: _unlabelled(name)
            for name, variance in zip(attributes, np.diag(covariance), strict=True)
            if np.isnan(variance)
        }


def _unlabelled(attribute: str) -> InvalidRequest:
    says = f"the bank has fewer than two labels of {attribute!r}"
    return InvalidRequest(says, fields=[FieldError("#/distance", says)])
