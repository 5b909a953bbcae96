"""What the bank endpoints give."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Documented(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class LabelCoverageOut(_Documented):
    """The labels that a bank has for one attribute."""

    labels: int
    """Labelled responses."""
    low: float
    high: float
    levels: dict[str, int] | None
    """Label value -> number of responses; null when there are more than 25 different values."""


class BankOut(_Documented):
    """A bank without its scenarios."""

    name: str
    digest: str
    """Version: hash of the content."""
    scenarios: int
    responses: int
    labels: dict[str, LabelCoverageOut]
    """Attribute -> its labels."""
    created_ms: int
    """When it was stored, Unix time in milliseconds; 0 for a built-in bank."""
    builtin: bool


class IndexOut(_Documented):
    """The search index over a bank's questions."""

    state: Literal["ready", "building", "no-worker"]
    """`ready`: some worker has it; `building`: workers are there and make it."""
    workers: list[str]
    """Live workers whose index is ready."""


class BankWithIndexOut(BankOut):
    """A bank, and whether its index is ready."""

    index: IndexOut


class StoredBankOut(BankWithIndexOut):
    """A bank as it was stored."""

    ignored: dict[str, int] = {}
    """Members of lines that banks have no use for -> number of lines: they may be misspelt."""


class BanksOut(BaseModel):
    """Names of all banks."""

    banks: list[str]
