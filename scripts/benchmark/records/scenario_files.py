"""Read scenario files, and draw a seeded sample."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.domain.bank import InvalidLines, LabelledScenario, parse_bank
from app.domain.fingerprint import text_digest
from scripts.benchmark.records.align import from_align
from scripts.benchmark.records.choices import LETTERS
from scripts.benchmark.records.results import DataFile, common_attributes

MAX_LEVELS = 11
"""More distinct labels than this are a continuum."""
CONTINUUM = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Levels that targets take on a continuum."""


class UnusableData(ValueError):
    """A file that the benchmark cannot use; the message says why."""


def read_scenarios(paths: Sequence[Path]) -> tuple[list[LabelledScenario], list[DataFile]]:
    """Labelled scenarios of JSON Lines files (as banks are) or of ALIGN's `input_output.json`.

    ALIGN's records in which no attribute is labelled on every response are left out and counted.
    Ids must be unique over all files. Raises `UnusableData` naming file and line.
    """
    scenarios: list[LabelledScenario] = []
    files: list[DataFile] = []
    for path in paths:
        content = path.read_bytes()
        usable = every = _parse(path, content)
        if path.suffix == ".json":
            usable = [s for s in every if s.labels and labelled_attributes(s)]
            if not usable:
                raise UnusableData(
                    f"{path}: none of its {len(every)} scenarios has an attribute that every "
                    "response is labelled on"
                )
        digest = hashlib.sha256(content).hexdigest()
        files.append(DataFile(path.name, digest, len(usable), len(every) - len(usable)))
        scenarios += usable
    seen: set[str] = set()
    for scenario in scenarios:
        if scenario.id in seen:
            raise UnusableData(f"id {scenario.id!r} occurs more than once")
        seen.add(scenario.id)
        if len(scenario.responses) > len(LETTERS):
            raise UnusableData(
                f"{scenario.id!r} has {len(scenario.responses)} responses, more than the "
                f"{len(LETTERS)} that one request takes"
            )
        if not scenario.labels or not labelled_attributes(scenario):
            raise UnusableData(
                f"{scenario.id!r} has no attribute that every response is labelled on"
            )
    return scenarios, files


def sampled(
    scenarios: Sequence[LabelledScenario], count: int | None, seed: int
) -> list[LabelledScenario]:
    """A seeded sample; smaller samples are part of larger ones. All, in that order, for None.

    The order is that of a hash of seed and id, so it depends on nothing else: every method and
    every model gets the same scenarios.
    """
    ordered = sorted(scenarios, key=lambda scenario: text_digest(f"{seed}:{scenario.id}"))
    return [shuffled(scenario, seed) for scenario in ordered[:count]]


def shuffled(scenario: LabelledScenario, seed: int) -> LabelledScenario:
    """A scenario with its responses in a seeded order.

    The first of tied candidates is selected, and the order in a file may reveal the labels (the
    triage data always lists the medically more urgent choice first). A judge that gives every
    candidate the same score would then profit from that order.
    """
    places = range(len(scenario.responses))
    order = sorted(places, key=lambda place: text_digest(f"{seed}:{scenario.id}:{place}"))
    return LabelledScenario(
        id=scenario.id,
        question=scenario.question,
        responses=tuple(scenario.responses[place] for place in order),
        labels=tuple(scenario.labels[place] for place in order),
    )


def labelled_attributes(scenario: LabelledScenario) -> list[str]:
    """Attributes that every response of a scenario is labelled on, in the order of the first."""
    return list(common_attributes(scenario.labels))


def levels_of(scenarios: Sequence[LabelledScenario]) -> dict[str, tuple[float, ...]]:
    """Attribute -> its label levels, empty for a continuum; in order of first appearance."""
    values: dict[str, set[float]] = {}
    for scenario in scenarios:
        for name in labelled_attributes(scenario):
            values.setdefault(name, set()).update(float(labels[name]) for labels in scenario.labels)
    return {
        name: tuple(sorted(observed)) if len(observed) <= MAX_LEVELS else ()
        for name, observed in values.items()
    }


def _parse(path: Path, content: bytes) -> list[LabelledScenario]:
    if path.suffix == ".json":
        try:
            read = from_align(json.loads(content))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnusableData(f"{path}: not a list of ALIGN's records: {error!r}") from error
        for number, scenario in enumerate(read, start=1):
            try:
                parse_bank(msgspec.json.encode(scenario))
            except InvalidLines as error:
                why = error.errors[0].detail
                raise UnusableData(f"{path}: scenario {number}: {why}") from error
        return read
    try:
        return list(parse_bank(content).scenarios)
    except InvalidLines as error:
        raise UnusableData(f"{path}: {error}") from error
