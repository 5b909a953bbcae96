"""Texts: when two of them say the same, and words in scripts without spaces. Pure."""

from __future__ import annotations

import re
import unicodedata

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


def words_of(text: str) -> list[str]:
    r"""The words of a text: `\w+` in scripts that separate words by spaces.

    Elsewhere a dictionary would be needed, so words are approximated: each Han character is one,
    and runs of kana are cut into threes, of Thai, Lao, Myanmar and Khmer letters into fives.
    """
    return _WORD.findall(text)


def text_key(text: str) -> str:
    """What two texts share if they differ only in white space, letter case, or Unicode form."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    folded = " ".join(text.split()).casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)
