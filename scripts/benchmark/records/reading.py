"""Read a results folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from scripts.benchmark.records.results import (
    Results,
    Run,
    ScenarioResult,
)

RUN_FILE = "run.json"

SCENARIOS_FILE = "scenarios.jsonl"


def read_results(folder: Path) -> Results:
    """Read a results folder.

    Raises `FileNotFoundError` when it is none, `ValueError` naming the line that is not readable.
    """
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
