"""What has been sent of a text that is still being written. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class News(NamedTuple):
    """What to send next."""

    restarted: bool
    """Whether what was sent before no longer holds, because the text is written anew."""
    part: str


@dataclass(slots=True)
class TextProgress:
    """What has been sent of one text.

    Parts may be lost or come from a worker that has lost its job; the whole text at the end puts
    everything right.
    """

    sent: str = ""
    _run: str = ""
    _past: set[str] = field(default_factory=set)
    """Writings that another worker has begun anew."""

    def take(self, run: str, start: int, part: str) -> News:
        """Take a part that belongs to the writing `run` and comes after `start` characters."""
        if run in self._past:
            return News(False, "")
        restarted = False
        if run != self._run:
            if self._run:
                self._past.add(self._run)
            restarted, self._run, self.sent = bool(self.sent), run, ""
        if start != len(self.sent):
            return News(restarted, "")  # a part is missing: the rest comes with the whole
        self.sent += part
        return News(restarted, part)

    def finish(self, text: str) -> News:
        """Take the whole text."""
        restarted = not text.startswith(self.sent)
        rest = text if restarted else text[len(self.sent) :]
        self.sent = text
        return News(restarted, rest)
