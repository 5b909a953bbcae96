"""Read runs: results folders, and archives of published runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from scripts.benchmark.records.grouping import NamedRun
from scripts.benchmark.records.published import SUFFIX, read_archive, restore
from scripts.benchmark.records.results import (
    Results,
    Run,
    ScenarioResult,
)

RUN_FILE = "run.json"

SCENARIOS_FILE = "scenarios.jsonl"


def read_results(path: Path) -> Results:
    """Read a results folder, or the run `ARCHIVE/NAME` of an archive.

    Raises `FileNotFoundError` when there is none, `ValueError` naming what is not readable.
    """
    if not _is_archive(path.parent):
        return _read_folder(path)
    archived = read_archive(path.parent)
    if path.name not in archived:
        raise FileNotFoundError(f"{path.parent} has no run {path.name!r}")
    return restore(archived[path.name])


def read_all(paths: Iterable[Path]) -> list[NamedRun]:
    """Read runs, with their names. Raises what `read_results` raises."""
    return [(path.name, read_results(path)) for path in paths]


def runs_in(paths: Iterable[Path]) -> list[Path]:
    """The runs at these paths, in that order; of an archive or a folder of runs all, by name.

    Raises ValueError for a path that holds none.
    """
    runs: list[Path] = []
    for path in paths:
        if _is_archive(path):
            runs += [path / name for name in sorted(read_archive(path))]
        elif _is_archive(path.parent) or (path / RUN_FILE).exists():
            runs.append(path)
        else:
            inside = sorted(path.iterdir()) if path.is_dir() else []
            folders = [folder for folder in inside if (folder / RUN_FILE).exists()]
            if not folders:
                raise ValueError(f"{path} is not a run and holds none")
            runs += folders
    return runs


def _is_archive(path: Path) -> bool:
    return path.name.endswith(SUFFIX)


def read_run(folder: Path) -> Run:
    """What the run of a results folder was."""
    return msgspec.json.decode((folder / RUN_FILE).read_bytes(), type=Run)


def _read_folder(folder: Path) -> Results:
    run = read_run(folder)
    by_id = {result.id: result for result in read_scenarios(folder) if result.settled}
    ordered = tuple(by_id[name] for name in run.scenarios if name in by_id)
    return Results(run, ordered)


def read_scenarios(folder: Path) -> Iterator[ScenarioResult]:
    """The results so far, oldest first: of several for one scenario the last one counts.

    A last line without its end was cut by a crash and is left out.
    """
    path = folder / SCENARIOS_FILE
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(ScenarioResult)
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
