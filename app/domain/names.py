"""Names that people give to attributes, attribute sets, banks and calibrations."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from app.domain.texts import is_blank, nfc

MAX_NAME = 128
"""Maximum length in characters, after normalisation."""


def normalised(name: str) -> str:
    """A name, or a cell reference `name@digest`, in Unicode normalisation form C (NFC)."""
    return nfc(name)


@lru_cache(maxsize=10_000)
def canonical_name(name: str) -> str:
    """Validate a name and return it in NFC, the form in which names are stored and compared.

    Letters of any script, digits, spaces and punctuation are allowed. Raises `ValueError` if the
    name is blank or too long, begins or ends with white space, contains control characters, or
    cannot be part of a URL.
    """
    canonical = normalised(name)
    if len(canonical) > MAX_NAME:
        raise ValueError(f"a name must have at most {MAX_NAME} characters, not {len(canonical)}")
    if is_blank(canonical) or all(unicodedata.category(c)[0] in "ZC" for c in canonical):
        raise ValueError("a name must not be blank")
    if canonical != canonical.strip():
        raise ValueError("a name must not begin or end with white space")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in canonical):
        raise ValueError("a name must not contain control characters or line breaks")
    if "\N{REPLACEMENT CHARACTER}" in canonical:
        raise ValueError("a name must be valid UTF-8, percent-encoded in a URL")
    if canonical in (".", ".."):
        raise ValueError("'.' and '..' are not allowed as names: clients remove them from URLs")
    return canonical
