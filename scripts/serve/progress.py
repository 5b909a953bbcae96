"""Messages on the terminal while the service starts."""

from __future__ import annotations

import sys
import time
from typing import Self


def report(text: str) -> None:
    """Print a step."""
    mark = "\033[1m==>\033[0m" if sys.stderr.isatty() else "==>"
    print(f"{mark} {text}", file=sys.stderr, flush=True)


class Progress:
    """A line that is overwritten on a terminal; elsewhere a new line every ten seconds."""

    def __enter__(self) -> Self:
        self._terminal = sys.stderr.isatty()
        self._shown = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def show(self, text: str) -> None:
        """Show the current state."""
        if self._terminal:
            print(f"\r\033[K    {text}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._shown > 10:
            self._shown = time.monotonic()
            print(f"    {text}", file=sys.stderr, flush=True)

    def done(self, text: str) -> None:
        """Show the final state."""
        start = "\r\033[K" if self._terminal else ""
        print(f"{start}    {text}", file=sys.stderr, flush=True)
