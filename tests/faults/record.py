"""What the fake engine was asked, as it recorded it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from workers.engines.recording import RECORD


class Record:
    """The record of all workers that share a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = {"AZIMUTH_FAKE_RECORD": str(folder)}

    def _lines(self, what: str) -> list[str]:
        path = self.folder / RECORD
        lines = path.read_text().splitlines() if path.exists() else []
        return [key for kind, key, _ in map(str.split, lines) if kind == what]

    @property
    def begun(self) -> Counter[str]:
        """Prompt -> how often an answer to it was begun."""
        return Counter(self._lines("begin"))

    @property
    def finished(self) -> Counter[str]:
        """Prompt -> how often it was answered."""
        return Counter(self._lines("end"))

    @property
    def overlaps(self) -> list[str]:
        """Prompts that were being answered twice at the same time."""
        return self._lines("overlap")
