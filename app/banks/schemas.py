"""Bodies of the bank endpoints."""

from __future__ import annotations

from typing import Literal

from app.schema import Open


class LabelCoverageOut(Open):
    """The labels that a bank has for one attribute."""

    labels: int
    """Labelled responses."""
    low: float
    high: float
    levels: dict[str, int] | None
    """Label value -> number of responses; null when there are more than 25 different values."""


class BankOut(Open):
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


class BanksOut(Open):
    """All banks."""

    banks: list[BankOut]
    """Sorted by name."""


class IndexOut(Open):
    """The search index over a bank's questions."""

    state: Literal["ready", "building", "no-worker"]
    """`ready`: a worker has it; `building`: a worker is building it."""
    workers: list[str]
    """Live workers whose index is ready."""


class BankWithIndexOut(BankOut):
    """A bank, and whether its index is ready."""

    index: IndexOut


class StoredBankOut(BankWithIndexOut):
    """A bank as it was stored."""

    ignored: dict[str, int] = {}
    """Unknown members of lines -> number of lines: they may be misspelt."""
