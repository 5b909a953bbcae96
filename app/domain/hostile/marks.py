"""Marks texts that look like attacks on a judge. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from app.domain.hostile.folding import HIDDEN_TEXT, folded, is_mixed
from app.domain.hostile.languages import INSTRUCTIONS
from app.domain.hostile.patterns import ROLE_LINES, RULES
from app.domain.hostile.rules import REASONS, Reason

_PIECE = 16_384
_OVERLAP = 512
"""More characters than a match of any rule has."""
_REPEATED_BYTES = 1_500
_REPEATED_RATIO = 20
"""Prose shrinks to a half or a third, tables and code to a tenth."""


def pieces_of(text: str) -> Iterator[str]:
    """The text in pieces that overlap, so that a long one can be looked at in steps."""
    for start in range(0, max(len(text), 1), _PIECE):
        yield text[start : start + _PIECE + _OVERLAP]


def reasons_in(piece: str) -> set[Reason]:
    """What a piece has that an attack has; empty for an ordinary text."""
    found = _found_in(piece)
    shown = folded(piece)
    if shown != piece and (imitated := _found_in(shown) - found):
        found |= imitated | {"look-alikes"}
    if not piece.isascii() and (HIDDEN_TEXT.search(piece) or is_mixed(piece)):
        found.add("look-alikes")
    if _is_repetition(piece):
        found.add("repetition")
    return found


def reasons_of(text: str) -> tuple[Reason, ...]:
    """What a whole text has that an attack has, in the order of `REASONS`."""
    return in_order({reason for piece in pieces_of(text) for reason in reasons_in(piece)})


def in_order(found: set[Reason]) -> tuple[Reason, ...]:
    """Reasons in the order of `REASONS`."""
    return tuple(reason for reason in REASONS if reason in found)


def _found_in(text: str) -> set[Reason]:
    """What the rules find in a text."""
    found: set[Reason] = set()
    lower = text.lower().replace("\r", "\n")
    for rule in (*RULES, *INSTRUCTIONS):
        if rule.reason not in found and rule.found_in(lower):
            found.add(rule.reason)
    if "fake-turns" not in found and _is_dialogue(lower):
        found.add("fake-turns")
    return found


def _is_dialogue(lower: str) -> bool:
    """Whether some lines begin with the role of one who asks, and some of one who answers."""
    sides = [match.lastindex for match in ROLE_LINES.finditer(lower)]
    return 1 in sides and 2 in sides


def _is_repetition(piece: str) -> bool:
    """Whether the same few characters are repeated for pages."""
    content = piece.encode("utf-8", "surrogatepass")
    if len(content) < _REPEATED_BYTES:
        return False
    return len(content) > _REPEATED_RATIO * len(zlib.compress(content, 1))
