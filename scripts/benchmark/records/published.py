"""Archives of published runs: one compressed file, with what cannot be derived.

Methods that score select the candidate whose scores lie nearest the target, so their selections
follow from scores and targets, and are left out. Methods that choose keep theirs.
"""

from __future__ import annotations

import functools
import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from scripts.benchmark.records.results import (
    Results,
    Run,
    ScenarioResult,
    TargetSet,
    common_attributes,
)
from scripts.benchmark.records.targets import Wishes, selected_by, wishes_for

SUFFIX = ".json.xz"

PUBLISHED = Path(__file__).resolve().parents[1] / f"published{SUFFIX}"
"""The runs behind RESULTS.md."""

Exceptions = dict[str, dict[int, str]]
"""Target set -> number of a target -> letter of the selected candidate."""


class PublishedRun(Struct, frozen=True, omit_defaults=True):
    """A run as an archive has it."""

    run: Run
    scenarios: tuple[ScenarioResult, ...]
    """Without the selections that follow from scores."""
    exceptions: dict[str, Exceptions] = {}
    """Scenario -> selections that differ from the derived ones: scores are rounded here, and of two
    candidates that lie almost equally near a target the unrounded scores may select the other."""


def write_archive(path: Path, runs: Mapping[str, PublishedRun]) -> None:
    """Write runs by name; the same runs give the same bytes."""
    content = msgspec.json.encode({name: runs[name] for name in sorted(runs)})
    path.write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))


def read_archive(path: Path) -> dict[str, PublishedRun]:
    """The runs of an archive by name. Raises `ValueError` when it is none."""
    return dict(_decoded(path, path.stat().st_mtime_ns))


@functools.lru_cache(maxsize=1)  # reading its runs one by one decodes it once
def _decoded(path: Path, modified: int) -> dict[str, PublishedRun]:
    try:
        return _DECODER.decode(lzma.decompress(path.read_bytes()))
    except (lzma.LZMAError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: not an archive of runs: {error}") from error


_DECODER = msgspec.json.Decoder(dict[str, PublishedRun])


def publish(results: Results) -> PublishedRun:
    """The published form of a run."""
    derive = _Derivation(results.run.target_sets)
    scenarios: list[ScenarioResult] = []
    exceptions: dict[str, Exceptions] = {}
    for result in results.scenarios:
        if not result.scores:
            scenarios.append(result)
            continue
        scenarios.append(replace(result, selected={}))
        if differing := _differences(derive.selections(result), result.selected):
            exceptions[result.id] = differing
    return PublishedRun(results.run, tuple(scenarios), exceptions)


def restore(published: PublishedRun) -> Results:
    """A run from its published form."""
    derive = _Derivation(published.run.target_sets)
    return Results(
        run=published.run,
        scenarios=tuple(
            _with_selections(result, derive, published.exceptions.get(result.id, {}))
            for result in published.scenarios
        ),
    )


class _Derivation:
    """Selections that follow from scores; targets are restricted once for alike scenarios."""

    def __init__(self, target_sets: Iterable[TargetSet]) -> None:
        self._target_sets = tuple(target_sets)
        self._wishes: dict[tuple[str, ...], Wishes] = {}

    def selections(self, result: ScenarioResult) -> dict[str, str]:
        """Target set -> a letter a target."""
        attributes = common_attributes(result.labels)
        if attributes not in self._wishes:
            self._wishes[attributes] = wishes_for(attributes, self._target_sets)
        wishes = self._wishes[attributes]
        scores = {name: np.array(values) for name, values in result.scores.items()}
        return wishes.spread(selected_by(scores, wishes))


def _with_selections(
    result: ScenarioResult, derive: _Derivation, exceptions: Exceptions
) -> ScenarioResult:
    if not result.scores or result.problem is not None:
        return result
    selected = derive.selections(result)
    for name, differing in exceptions.items():
        letters = list(selected[name])
        for place, letter in differing.items():
            letters[place] = letter
        selected[name] = "".join(letters)
    return replace(result, selected=selected)


def _differences(derived: dict[str, str], recorded: dict[str, str]) -> Exceptions:
    exceptions: Exceptions = {}
    for name, letters in recorded.items():
        pairs = enumerate(zip(letters, derived[name], strict=True))
        if differing := {place: ours for place, (ours, theirs) in pairs if ours != theirs}:
            exceptions[name] = differing
    return exceptions
