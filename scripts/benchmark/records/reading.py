"""Read a run: a results folder that a run wrote, or a published file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

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


def name_of(path: Path) -> str:
    """The name of a run's folder or published file."""
    return path.name.removesuffix(SUFFIX)


def _read_folder(folder: Path) -> Results:
    run = msgspec.json.decode((folder / RUN_FILE).read_bytes(), type=Run)
    found = {result.id: result for result in read_scenarios(folder) if result.settled}
    ordered = tuple(found[name] for name in run.scenarios if name in found)
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
