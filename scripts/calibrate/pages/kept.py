"""Trials that are done, kept in a file beside the page until it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from app.domain.fingerprint import text_digest
from scripts.calibrate.pages.trials import Trial


class _Line(msgspec.Struct, frozen=True):
    about: str
    """Digest of what the trial was about."""
    trial: Trial


class KeptTrials:
    """The trials of one fit, by draw and size: an interrupted command does not repeat them."""

    def __init__(self, page: Path, about: Any) -> None:
        """`about` is everything that changes a trial, as JSON can have it."""
        self._path = page.with_name(f"{page.name}.trials")
        self._about = text_digest(msgspec.json.encode(about, order="sorted").decode())
        self._known = {(one.draw, one.size): one for one in self._read()}

    def get(self, draw: int, size: int) -> Trial | None:
        """The trial that was kept."""
        return self._known.get((draw, size))

    def add(self, trial: Trial) -> None:
        """Keep a trial, unless it failed."""
        if trial.problem:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(_Line(self._about, trial)) + b"\n")

    def forget(self) -> None:
        """Delete the file."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> list[Trial]:
        if not self._path.exists():
            return []
        trials: list[Trial] = []
        for line in self._path.read_bytes().splitlines():
            try:
                one = msgspec.json.decode(line, type=_Line)
            except msgspec.DecodeError:
                continue  # cut off when the command was interrupted
            if one.about == self._about:
                trials.append(one.trial)
        return trials
