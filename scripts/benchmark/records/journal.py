"""Write a results folder, and resume a run from it."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from scripts.benchmark.records.reading import RUN_FILE, SCENARIOS_FILE, read_scenarios
from scripts.benchmark.records.results import Run, ScenarioResult

_IDENTITY = ("method", "settings", "attributes", "target_sets", "data", "scenarios", "order_check")
"""What must be equal for a run to be resumed."""


class OtherRun(Exception):
    """The folder holds another run, or another process is writing to it."""


@dataclass(slots=True)
class Journal:
    """Writes a results folder: a line a scenario, flushed."""

    folder: Path
    run: Run
    done: dict[str, ScenarioResult] = field(default_factory=dict)
    _file: IO[bytes] | None = None
    _lock: int | None = None
    """Lock on the folder; the system releases it when the process ends."""

    @classmethod
    def open(cls, folder: Path, run: Run) -> Journal:
        """Start a run, or resume it. Raises `OtherRun`."""
        folder.mkdir(parents=True, exist_ok=True)
        journal = cls(folder, run, _lock=_locked(folder))
        try:
            journal._begin()
        except BaseException:
            journal.close()
            raise
        return journal

    def _begin(self) -> None:
        path = self.folder / RUN_FILE
        if path.exists():
            before = msgspec.json.decode(path.read_bytes(), type=Run)
            differing = [
                name
                for name in _IDENTITY
                if msgspec.to_builtins(getattr(before, name))
                != msgspec.to_builtins(getattr(self.run, name))
            ]
            # Older folders have no definitions.
            if before.definitions and before.definitions != self.run.definitions:
                differing.append("definitions of attributes")
            if differing:
                raise OtherRun(f"{self.folder} holds a run with other {', '.join(differing)}")
            self.run = before
            self.done = {result.id: result for result in read_scenarios(self.folder)}
            _cut_broken_line(self.folder / SCENARIOS_FILE)
        else:
            self.write_run()
        self._file = (self.folder / SCENARIOS_FILE).open("ab")

    def add(self, result: ScenarioResult) -> None:
        """Write a scenario's result; it survives a crash."""
        assert self._file is not None, "open() comes first"
        self.done[result.id] = result
        self._file.write(msgspec.json.encode(result) + b"\n")
        self._file.flush()

    def know_scorer(self, scorer: dict[str, Any]) -> None:
        """Record the scorer of the first answer. Raises `OtherRun` if a later one differs.

        Scenarios that label different attributes have different joint scorers, which may differ
        only in what follows from the attributes.
        """
        known = self.run.scorer
        together = known.get("joint", []) == scorer.get("joint", [])
        if known and _identity_of(known, exactly=together) != _identity_of(
            scorer, exactly=together
        ):
            raise OtherRun(
                f"{self.folder} was started with {known.get('model')} (scorer "
                f"{known.get('fingerprint')}), the service answers with {scorer.get('model')} "
                f"(scorer {scorer.get('fingerprint')})"
            )
        if not known:
            self.run = msgspec.structs.replace(self.run, scorer=scorer)
            self.write_run()

    def know_calibration(self, calibration: dict[str, Any] | None) -> None:
        """Record the calibration of the first answer. Raises `OtherRun` if a later one differs."""
        answered = {name: calibration[name] for name in ("name", "digest")} if calibration else {}
        if self.run.calibration and self.run.calibration != answered:
            raise OtherRun(
                f"{self.folder} was started with version "
                f"{self.run.calibration.get('digest')} of the calibration, the service "
                f"answers with {answered.get('digest')}"
            )
        if answered and not self.run.calibration:
            self.run = msgspec.structs.replace(self.run, calibration=answered)
            self.write_run()

    def write_run(self) -> None:
        """Write `run.json`, atomically."""
        partial = self.folder / (RUN_FILE + ".partial")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(self.run), indent=1) + b"\n")
        partial.replace(self.folder / RUN_FILE)

    def compact(self) -> None:
        """Leave one line a scenario, in the order of the run; atomically."""
        ordered = [self.done[name] for name in self.run.scenarios if name in self.done]
        partial = self.folder / (SCENARIOS_FILE + ".partial")
        partial.write_bytes(b"".join(msgspec.json.encode(result) + b"\n" for result in ordered))
        self._close_file()
        partial.replace(self.folder / SCENARIOS_FILE)

    def close(self) -> None:
        """Close the file, and release the folder."""
        self._close_file()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _identity_of(scorer: dict[str, Any], *, exactly: bool) -> Any:
    """What identifies a scorer: its hash, or everything that does not depend on the attributes.

    A joint scorer with a single attribute uses other prompts than one with several.
    """
    if exactly:
        return scorer.get("fingerprint")
    of_attributes = ("fingerprint", "joint", "prompt_profile")
    return {name: value for name, value in scorer.items() if name not in of_attributes}


def _locked(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OtherRun(f"another run is writing to {folder}") from None
    return descriptor


def _cut_broken_line(path: Path) -> None:
    """Remove a last line that a crash cut off."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
