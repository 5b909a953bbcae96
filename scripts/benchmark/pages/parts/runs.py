"""What was run."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.measures.evaluated import Evaluated
from scripts.benchmark.pages.parts.content import Cell, Part, Styles, Table
from scripts.benchmark.pages.parts.text import (
    in_flight,
    plain,
)
from scripts.benchmark.records.results import DataFile


def runs_part(prefix: str, runs: Sequence[Evaluated], style: Styles) -> Part:
    tables = tuple(
        Table(
            "",
            ("", ""),
            tuple((Cell(key), Cell(value)) for key, value in _facts(e)),
            folded=e.title,
        )
        for e in runs
    )
    return Part(f"{prefix}-runs", "What was run", tables)


def _facts(evaluated: Evaluated) -> list[tuple[str, str]]:
    run = evaluated.run
    sample = "all" if run.sample is None else f"{run.sample:,} by seed {run.sample_seed}"
    scenarios = f"{len(evaluated.results.scenarios)} of {len(run.scenarios)} asked"
    targets = (f"{t.name} ({len(t):,})" for t in run.target_sets)
    facts = [
        ("folder", evaluated.name),
        ("command", run.command),
        ("method", run.method),
        *((f"setting {key}", plain(value)) for key, value in run.settings.items()),
        *((key, plain(value)) for key, value in run.scorer.items()),
        *(
            ("data", f"{file.name}, {_scenarios_of(file)}, SHA-256 {file.sha256}")
            for file in run.data
        ),
        ("sample", sample),
        ("scenarios", f"{scenarios}, {len(evaluated.answered)} answered"),
        ("left out here", _left_out(evaluated)),
        ("targets", ", ".join(targets)),
        ("order check", f"{run.order_check} scenarios" if run.order_check else "none"),
        ("in flight", in_flight(evaluated)),
        ("started", run.started),
        *((f"version of {key}", value) for key, value in run.versions.items()),
    ]
    return [(key, value) for key, value in facts if value]


def _scenarios_of(file: DataFile) -> str:
    more = f" and {file.unlabelled:,} without labels to go by" if file.unlabelled else ""
    return f"{file.scenarios:,} scenarios{more}"


def _left_out(evaluated: Evaluated) -> str:
    left_out = evaluated.results.left_out
    return f"{left_out} scenarios that the model was not asked about" if left_out else ""
