"""Read a run: a results folder that a run wrote, or a published file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from scripts.benchmark.records.grouping import NamedRun
from scripts.benchmark.records.published import SUFFIX, read_published
from scripts.benchmark.records.results import (
    Results,
    Run,
    ScenarioResult,
)

RUN_FILE = "run.json"

SCENARIOS_FILE = "scenarios.jsonl"


def read_results(path: Path) -> Results:
    """Read a results folder or a published file.

    Raises `FileNotFoundError` when there is none, `ValueError` naming what is not readable.
    """
    return read_published(path) if path.name.endswith(SUFFIX) else _read_folder(path)


def read_all(paths: Iterable[Path]) -> list[NamedRun]:
    """Read results folders and published files. Raises what `read_results` raises."""
    return [(name_of(path), read_results(path)) for path in paths]


def runs_in(paths: Iterable[Path]) -> list[Path]:
    """The runs at these paths, in that order; for a folder of runs those in it, by name.

    Raises ValueError for a path that holds none.
    """
    runs: list[Path] = []
    for path in paths:
        if is_run(path):
            runs.append(path)
            continue
        inside = sorted(filter(is_run, path.iterdir()), key=name_of) if path.is_dir() else []
        if not inside:
            raise ValueError(f"{path} holds no run")
        runs += inside
    return runs


def is_run(path: Path) -> bool:
    """Whether a path is a results folder or a published file."""
    return path.name.endswith(SUFFIX) or (path / RUN_FILE).exists()


def read_run(folder: Path) -> Run:
    """What the run of a results folder was."""
    return msgspec.json.decode((folder / RUN_FILE).read_bytes(), type=Run)


def name_of(path: Path) -> str:
    """The name of a run's folder or published file."""
    return path.name.removesuffix(SUFFIX)


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
