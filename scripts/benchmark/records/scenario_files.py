"""Read scenario files, and draw a seeded sample."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from app.domain.bank import InvalidLines, LabelledScenario
from app.domain.bank_files.reading import AS_THEY_ARE, BankFile, Options, read_bank_file
from app.domain.fingerprint import text_digest
from scripts.benchmark.records.choices import LETTERS
from scripts.benchmark.records.results import DataFile, common_attributes

MAX_LEVELS = 11
"""More distinct labels than this are a continuum."""
CONTINUUM = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Levels that targets take on a continuum."""


ADVICE = " (`--unlabelled drop` leaves responses without labels out, `fill` fills in 0.5)"
"""Where responses without labels kept a scenario out of a run."""


class UnusableData(ValueError):
    """A file that the benchmark cannot use; the message says why."""


def read_file(path: Path, options: Options = AS_THEY_ARE) -> BankFile:
    """Labelled scenarios of any form that bank uploads take. Raises `UnusableData`."""
    try:
        return read_bank_file(path.read_bytes(), options)
    except InvalidLines as error:
        raise UnusableData(f"{path}: {error}") from error


def read_scenarios(
    paths: Sequence[Path], options: Options = AS_THEY_ARE
) -> tuple[list[LabelledScenario], list[DataFile]]:
    """Labelled scenarios of files that a run goes through.

    Scenarios in which no attribute is labelled on every response are left out and counted if the
    file is an array or has records of another kind than banks. Ids must be unique over all files.
    Raises `UnusableData` naming file and line.
    """
    scenarios: list[LabelledScenario] = []
    files: list[DataFile] = []
    for path in paths:
        file = read_file(path, options)
        usable = every = file.scenarios
        if file.converted or file.unit == "record":
            usable = [s for s in every if s.labels and labelled_attributes(s)]
        left_out = len(file.left_out) + len(every) - len(usable)
        if not usable:
            raise UnusableData(
                f"{path}: none of its {left_out} scenarios has an attribute that every response "
                f"is labelled on{ADVICE if options.unlabelled == 'keep' else ''}"
            )
        files.append(
            DataFile(
                path.name,
                hashlib.sha256(path.read_bytes()).hexdigest(),
                len(usable),
                left_out,
                str(options.scale),
                options.unlabelled,
            )
        )
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
