"""Texts of users, which logs leave out unless they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextvars import ContextVar

_LEAST = 12
"""Characters in a row that count as quoted; fewer are words that any message may have."""
_MOST_SEARCHED = 1_000_000
"""Characters of texts that are searched; with more, the message is left out as a whole."""
_LEFT_OUT = "…"
_IN_HAND: ContextVar[tuple[str, ...]] = ContextVar("azimuth_texts_in_hand", default=())


def keep_from_logs(texts: Iterable[str]) -> None:
    """Name texts that later records of this task, and of tasks it starts, must not quote."""
    _IN_HAND.set((*_IN_HAND.get(), *texts))


def texts_in_hand() -> tuple[str, ...]:
    """The texts that this task has named."""
    return _IN_HAND.get()


def without_texts(message: str, texts: Iterable[str]) -> str:
    """The message without what it quotes of the texts, as they are or as JSON escapes them. Pure.

    Libraries quote what they choke on, endpoints what they were sent. Parts of fewer than 12
    characters stay.
    """
    spellings = {one for text in texts for one in _spellings(text) if len(one) >= _LEAST}
    if not spellings or len(message) < _LEAST:
        return message
    if sum(map(len, spellings)) > _MOST_SEARCHED:
        return f"({len(message)} characters, left out)"
    kept: list[str] = []
    start = 0
    while start < len(message):
        length = max(_common(message, start, spelling) for spelling in spellings)
        if length:
            kept.append(_LEFT_OUT)
            start += length
        else:
            kept.append(message[start])
            start += 1
    return "".join(kept)


def _spellings(text: str) -> tuple[str, ...]:
    """A text as it is, and as JSON and Python's `repr` write it."""
    if text.isascii() and text.isprintable() and not {'"', "\\", "'"} & set(text):
        return (text,)
    written = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
    return (text, *dict.fromkeys(written))


def _common(message: str, start: int, text: str) -> int:
    """How many characters from `start` on the text has in a row; 0 if they are fewer than 12."""
    found = text.find(message[start : start + _LEAST]) if start + _LEAST <= len(message) else -1
    if found < 0:
        return 0
    length = _LEAST
    while (
        start + length < len(message)
        and found + length < len(text)
        and message[start + length] == text[found + length]
    ):
        length += 1
    return length
