"""Notices: messages on the channel that connects workers and API processes."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct


class CellNotice(Struct, frozen=True, tag="cell"):
    """A cell was settled: it has scores, or a reason why it has none."""

    score_set: str
    field: str


class BankNotice(Struct, frozen=True, tag="bank"):
    """A bank was stored."""

    digest: str


class CalibrationNotice(Struct, frozen=True, tag="calibration"):
    """A calibration was stored or deleted."""

    name: str


class NamesNotice(Struct, frozen=True, tag="names"):
    """An attribute set or a bank was stored or deleted under its name, or an API key revoked."""

    kind: Literal["attribute-sets", "banks", "api-keys"]


class PieceNotice(Struct, frozen=True, tag="piece"):
    """A part of a text was written."""

    score_set: str
    field: str
    run: str
    """Names the writing that it is of. One that another worker begins anew has another name."""
    start: int
    """Characters of the text before this part."""
    text: str


class DroppedNotice(Struct, frozen=True, tag="dropped"):
    """Nobody waits for the result of a job any more: its worker should stop."""

    job: str


Notice = CellNotice | BankNotice | CalibrationNotice | NamesNotice | PieceNotice | DroppedNotice
_decoder: msgspec.json.Decoder[Notice] = msgspec.json.Decoder(Notice)


def decode_notice(data: bytes) -> Notice:
    """Decode a message of the channel. Raises `ValueError` for one of another version."""
    return _decoder.decode(data)
