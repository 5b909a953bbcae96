"""A results folder that is being written, and a run that goes on where it stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from scripts.evaluation.results import (
    RUN_FILE,
    SCENARIOS_FILE,
    Run,
    ScenarioResult,
    read_scenarios,
)

_IDENTITY = ("method", "settings", "attributes", "target_sets", "data", "scenarios", "order_check")
"""What must be the same for a run to be gone on with."""


class OtherRun(Exception):
    """The folder holds results that this run would not continue."""


@dataclass(slots=True)
class Journal:
    """A results folder that is being written: a line a scenario, flushed."""

    folder: Path
    run: Run
    done: dict[str, ScenarioResult] = field(default_factory=dict)
    _file: IO[bytes] | None = None

    @classmethod
    def open(cls, folder: Path, run: Run) -> Journal:
        """Begin a run, or go on with the same one. Raises `OtherRun`."""
        path = folder / RUN_FILE
        journal = cls(folder, run)
        if path.exists():
            before = msgspec.json.decode(path.read_bytes(), type=Run)
            differing = [
                name
                for name in _IDENTITY
                if msgspec.to_builtins(getattr(before, name))
                != msgspec.to_builtins(getattr(run, name))
            ]
            if differing:
                raise OtherRun(f"{folder} holds a run with other {', '.join(differing)}")
            journal.run = before
            journal.done = {result.id: result for result in read_scenarios(folder)}
            _cut_broken_line(folder / SCENARIOS_FILE)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            journal.write_run()
        journal._file = (folder / SCENARIOS_FILE).open("ab")
        return journal

    def add(self, result: ScenarioResult) -> None:
        """Write a scenario's result; it survives whatever comes after."""
        assert self._file is not None, "open() comes first"
        self.done[result.id] = result
        self._file.write(msgspec.json.encode(result) + b"\n")
        self._file.flush()

    def know_scorer(self, scorer: dict[str, Any]) -> None:
        """Note the scorer of the first answer. Raises `OtherRun` when a later one differs."""
        known = self.run.scorer
        if known and known.get("fingerprint") != scorer.get("fingerprint"):
            raise OtherRun(
                f"{self.folder} was begun with {known.get('model')} (scorer "
                f"{known.get('fingerprint')}), the service answers with {scorer.get('model')} "
                f"(scorer {scorer.get('fingerprint')})"
            )
        if not known:
            self.run = msgspec.structs.replace(self.run, scorer=scorer)
            self.write_run()

    def write_run(self) -> None:
        """Write `run.json`, whole or not at all."""
        partial = self.folder / (RUN_FILE + ".partial")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(self.run), indent=1) + b"\n")
        partial.replace(self.folder / RUN_FILE)

    def compact(self) -> None:
        """Leave one line a scenario, in the order of the run; whole or not at all."""
        ordered = [self.done[name] for name in self.run.scenarios if name in self.done]
        partial = self.folder / (SCENARIOS_FILE + ".partial")
        partial.write_bytes(b"".join(msgspec.json.encode(result) + b"\n" for result in ordered))
        self.close()
        partial.replace(self.folder / SCENARIOS_FILE)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _cut_broken_line(path: Path) -> None:
    """Remove what a crash left of a last line, so that the next one begins on its own."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
