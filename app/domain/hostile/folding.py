"""Texts with look-alikes and invisible characters replaced by what they imitate. Pure."""

from __future__ import annotations

import re


def _pairs(imitations: str, letters: str) -> dict[str, str]:
    return dict(zip(imitations, letters, strict=True))


_LATIN = {
    **_pairs("АВЕЅІЈКМНОРСТХУԌԚԜ", "ABESIJKMHOPCTXYGQW"),  # Cyrillic
    **_pairs("аеѕіјкорсухһԁԍԛԝ", "aesijkopcyxhdgqw"),
    **_pairs("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),  # Greek
    **_pairs("ορνικαυ", "opvikau"),
    **_pairs("ɡɑı", "gai"),  # phonetic, Turkish
}
_MARKS = {
    **dict.fromkeys("‹〈⟨˂﹤", "<"),
    **dict.fromkeys("›〉⟩˃﹥", ">"),
    **dict.fromkeys("∣│❘ǀ￨", "|"),
    **dict.fromkeys("∼〜˜⁓〰", "~"),
    **_pairs("【】", "[]"),
}
_FULL_WIDTH = {chr(c): chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F)}
_FOLDED = str.maketrans(_FULL_WIDTH | _MARKS | _LATIN)
_HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]+"
)
_ESCAPED = re.compile(r"&(?:lt|gt|#6[02]|#x3[ce]);|\\u003[ce]|\\x3[ce]|%3[ce]", re.IGNORECASE)
_LESS = ("&lt;", "&#60;", "&#x3c;", "\\u003c", "\\x3c", "%3c")

HIDDEN_TEXT = re.compile(
    # Characters that spell ASCII invisibly; an override of the direction of reading; private use.
    "[\U000e0020-\U000e007e]{3}|[\u202d\u202e]|[\ue000-\uf8ff].{0,40}[\ue000-\uf8ff]"
    # Invisible ones around a bracket: no script needs them there.
    "|[<>|\\[\\]][\u00ad\u200b-\u200f\u2060-\u2064\ufeff]"
    "|[\u00ad\u200b-\u200f\u2060-\u2064\ufeff][<>|\\[\\]]"
)
_FOREIGN = "аеѕіјкорсухһԁԍԛԝορνικυАВЕЅІЈКМНОРСТХУΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"
_MIXED_WORD = re.compile(f"[A-Za-z][{_FOREIGN}]|[{_FOREIGN}][A-Za-z]")
_MIXED_WORDS = 3


def folded(text: str) -> str:
    """The text as it looks, in ASCII where it imitates ASCII."""
    if not text.isascii():
        text = _HIDDEN.sub("", text).translate(_FOLDED)
    if "&" in text or "\\" in text or "%3" in text:
        text = _ESCAPED.sub(lambda m: "<" if m[0].lower() in _LESS else ">", text)
    return text


def is_mixed(text: str) -> bool:
    """Whether letters of another alphabet stand between Latin ones in several places.

    One place may be a formula (`Δx`), a name or a slip.
    """
    return sum(1 for _ in zip(_MIXED_WORD.finditer(text), range(_MIXED_WORDS), strict=False)) >= 3
