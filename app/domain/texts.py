"""Texts: when one is blank, when two say the same, and words in scripts without spaces. Pure."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

_UNSPACED = (
    "\u3005-\u3007"  # iteration mark, closing mark, zero
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana and Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u0e00-\u0eff"  # Thai and Lao
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar and Khmer
)
_WORD = re.compile(
    rf"[^\W{_UNSPACED}]+"
    r"|[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f]{1,3}"
    r"|[\u0e00-\u0eff]{1,5}"
    r"|[\u1000-\u109f\u1780-\u17ff]{1,5}"
)
_VISIBLE = re.compile(
    r"[^\s\x00-\x1f\x7f-\x9f"  # white space and control characters
    # What Unicode says to show as nothing (Default_Ignorable_Code_Point):
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    r"\u2800\U0001d159]"  # an empty Braille cell and an empty note head
)
_MOST_MARKS = 30
"""Combining marks in a row that text of any language has at most (UAX 15, Stream-Safe Format)."""
_DECOMPOSED_MARKS = "\u0f73\u0f75\u0f81"
"""Marks that count as letters until they are decomposed."""


def is_blank(text: str) -> bool:
    """Whether there is nothing to see: white space, zero-width characters, fillers."""
    return _VISIBLE.search(text) is None


def nfc(text: str) -> str:
    """The text in Unicode normalisation form C, in linear time.

    Normalisation sorts combining marks in quadratic time. More of them in a row than any language
    has are not text, and are left as they are.
    """
    if text.isascii() or unicodedata.is_normalized("NFC", text) or _many_marks().search(text):
        return text
    return unicodedata.normalize("NFC", text)


def as_read(text: str) -> str:
    """The text without differences that no reader sees: in NFC, with line feeds as line ends,
    without white space at the end."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return nfc(text.rstrip())


def words_of(text: str) -> list[str]:
    r"""The words of a text: `\w+` in scripts that separate words by spaces.

    Elsewhere a dictionary would be needed, so words are approximated: each Han character is one,
    and runs of kana are cut into threes, of Thai, Lao, Myanmar and Khmer letters into fives.
    """
    return _WORD.findall(text)


def text_key(text: str) -> str:
    """What two texts share if they differ only in white space, letter case, or Unicode form."""
    return nfc(" ".join(nfc(text).split()).casefold())


@cache
def _many_marks() -> re.Pattern[str]:
    """Finds a run of too many combining marks. Built when first needed: it takes a while."""
    marks = [chr(c) for c in range(sys.maxunicode + 1) if unicodedata.combining(chr(c))]
    return re.compile(f"[{''.join(marks)}{_DECOMPOSED_MARKS}]{{{_MOST_MARKS + 1},}}")
