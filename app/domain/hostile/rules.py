"""Rules by which a text in lower case looks like an attack."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, Self, get_args

Reason = Literal[
    "template-tokens",
    "fake-turns",
    "fake-answer",
    "score-plea",
    "fence",
    "look-alikes",
    "repetition",
]
"""What a text has that an attack has. Instructions to the judge are a `score-plea` too."""
REASONS: tuple[Reason, ...] = get_args(Reason)


class Rule(NamedTuple):
    """A pattern, and words of which every match has at least one."""

    reason: Reason
    words: tuple[str, ...]
    pattern: re.Pattern[str]

    def found_in(self, lower: str) -> bool:
        """Whether a text in lower case has it."""
        return any(word in lower for word in self.words) and self.pattern.search(lower) is not None

    @classmethod
    def of(cls, reason: Reason, words: str, *patterns: str) -> Self:
        """A rule from its words, with blanks between them, and the alternatives of its pattern."""
        return cls(reason, tuple(words.split(" ")), re.compile("|".join(patterns), re.MULTILINE))
