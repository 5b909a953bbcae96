"""Parts of a text while it is written: sent a few at a time, without the model's thoughts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.domain.writing import Piece

_PIECE_S = 0.05
"""Parts that come within this time are sent as one."""
_OPEN, _CLOSE = "<think>", "</think>"


def without_thoughts(text: str) -> str:
    """Return a text without the thoughts that it begins with; empty if they have no end."""
    if not text.lstrip().startswith(_OPEN):
        return text
    return text.partition(_CLOSE)[2].lstrip()


class Parts:
    """Collects the parts of one text, and sends them."""

    def __init__(self, field: str, send: Callable[[Piece], None]) -> None:
        self._field = field
        self._send = send
        self._text = ""
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, part: str) -> None:
        """Send a part soon."""
        self._text += part
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PIECE_S, self._flush)

    def close(self) -> None:
        """Send what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._flush()

    def _flush(self) -> None:
        self._timer = None
        if _OPEN.startswith(self._text.lstrip()[: len(_OPEN)]) and len(self._text) < len(_OPEN):
            return  # it may yet turn out to be a thought
        shown = without_thoughts(self._text)
        if part := shown[self._sent :]:
            self._send(Piece(self._field, self._sent, part))
            self._sent = len(shown)
