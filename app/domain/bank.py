"""Banks of labelled scenarios: file format, validation and label coverage. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from app.domain.fingerprint import canonical_json, digest, text_digest
from app.domain.names import canonical_name
from app.domain.rating_records import (
    NO_SETUP,
    Rating,
    RatingSetup,
    checked_classes,
    checked_ratings,
    is_setup,
    setup_of,
)
from app.domain.texts import is_blank

_V = TypeVar("_V")
MAX_DISTINCT_LEVELS = 11
"""An attribute with more distinct labels than this is continuous and has no levels."""
MAX_LISTED_LEVELS = 25
"""An attribute with more distinct labels than this is reported by its range only."""


class LabelledScenario(Struct, frozen=True):
    """One line of a bank: a question, responses, and their labels in [0, 1]."""

    id: str
    question: str
    responses: tuple[str, ...]
    labels: tuple[dict[str, float], ...] = ()
    """For each response: attribute -> label in [0, 1]."""
    reasonings: tuple[dict[str, str], ...] | None = None
    """For each response: attribute -> reason for the label."""
    ratings: tuple[Rating, ...] | None = None
    response_classes: tuple[str | None, ...] = ()
    """For each response: its class, such as a refusal; null where it has none."""


class Bank(Struct, frozen=True):
    """One version of a bank of labelled scenarios."""

    digest: str
    """Hash of the content. It does not depend on the bank's name or the order of its lines."""
    scenarios: tuple[LabelledScenario, ...]
    setup: RatingSetup = NO_SETUP
    """What holds for all ratings."""


class LabelCoverage(Struct, frozen=True):
    """Summary of a bank's labels for one attribute."""

    labels: int
    """Number of labelled responses."""
    low: float
    high: float
    levels: dict[str, int] | None
    """Label value -> number of responses; null when there are more than 25 different values."""


class LineError(Struct, frozen=True):
    """An error in one line."""

    line: int
    """Number of the line, or of the record in an array, from 1."""
    detail: str


class InvalidLines(ValueError):
    """A scenario file has invalid lines. Nothing is loaded from it."""

    def __init__(self, errors: Sequence[LineError], unit: str = "line") -> None:
        super().__init__(f"{unit} {errors[0].line}: {errors[0].detail}")
        self.errors = tuple(errors)
        self.unit = unit
        """`line`, or `record` for the elements of an array."""


def parse_bank(text: bytes, *, max_errors: int = 20) -> Bank:
    """Read and validate a bank in its own form: JSON Lines, UTF-8.

    Other forms are read by `app.domain.bank_files.reading`. Raises `InvalidLines` with up to
    `max_errors` errors.
    """
    scenarios: list[LabelledScenario] = []
    setup = NO_SETUP
    errors: list[LineError] = []
    seen: dict[str, int] = {}
    decoder = msgspec.json.Decoder(LabelledScenario)
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            # Decoding to text first finds invalid UTF-8 in members that the decoder skips.
            content = line.decode()
            if not scenarios and is_setup(first := msgspec.json.decode(content)):
                setup = setup_of(first)
                continue
            scenario = checked(decoder.decode(content))
            if scenario.id in seen:
                raise ValueError(f"id {scenario.id!r} is also on line {seen[scenario.id]}")
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            errors.append(LineError(number, in_plain_words(error)))
            if len(errors) >= max_errors:
                break
            continue
        seen[scenario.id] = number
        scenarios.append(scenario)
    if not scenarios and not errors:
        errors.append(LineError(1, "the bank is empty"))
    if errors:
        raise InvalidLines(errors)
    return bank_of(scenarios, setup)


def bank_of(scenarios: Iterable[LabelledScenario], setup: RatingSetup = NO_SETUP) -> Bank:
    """The bank that has these scenarios, which were checked."""
    # Sorted, because embeddings are stored by row and must not depend on the order of lines.
    ordered = sorted(scenarios, key=lambda scenario: scenario.id)
    return Bank(_bank_digest(ordered, setup), tuple(ordered), setup)


def checked(scenario: LabelledScenario) -> LabelledScenario:
    """The scenario with attribute names in canonical form, as in requests.

    Raises `ValueError` if it is not a valid line of a bank.
    """
    canonical = _with_canonical_names(scenario)
    _check(canonical)
    if not canonical.ratings and not canonical.response_classes:
        return canonical
    count = len(canonical.responses)
    classes = checked_classes(canonical.response_classes, count)
    ratings = canonical.ratings and checked_ratings(canonical.ratings, classes, count)
    return msgspec.structs.replace(canonical, ratings=ratings, response_classes=classes)


def label_fault(label: object, low: float = 0, high: float = 1) -> str | None:
    """What is wrong with the label of a file, after its name; None if nothing is."""
    if label is None:
        return "is null: to give no label, leave the member out"
    if isinstance(label, bool) or not isinstance(label, int | float):
        return f"is {excerpt(label)}, not a number: to give no label, leave the member out"
    if isinstance(label, float) and math.isnan(label):
        return "is NaN, not a number: to give no label, leave the member out"
    if low <= label <= high:
        return None
    another = "labels on another scale need that scale, as in scale=1..5"
    return f"is {label:g}, not within [{low:g}, {high:g}] ({another})"


def serialize_bank(bank: Bank) -> bytes:
    """Write a bank as JSON Lines. `parse_bank` reads it back with the same digest."""
    encoder = msgspec.json.Encoder()
    setup = [] if bank.setup == NO_SETUP else [encoder.encode(bank.setup)]
    lines = [*setup, *(encoder.encode(scenario) for scenario in bank.scenarios)]
    return b"\n".join(lines) + b"\n"


def label_coverage(scenarios: Iterable[LabelledScenario]) -> dict[str, LabelCoverage]:
    """Summarise the labels of each attribute: attribute -> coverage."""
    counts: dict[str, Counter[float]] = {}
    for scenario in scenarios:
        for labels in scenario.labels:
            for attribute, label in labels.items():
                counts.setdefault(attribute, Counter())[float(label)] += 1
    return {
        attribute: LabelCoverage(
            labels=counter.total(),
            low=min(counter),
            high=max(counter),
            levels={f"{v:g}": counter[v] for v in sorted(counter)}
            if len(counter) <= MAX_LISTED_LEVELS
            else None,
        )
        for attribute, counter in sorted(counts.items())
    }


def _with_canonical_names(scenario: LabelledScenario) -> LabelledScenario:
    """The scenario with attribute names in canonical form, as in requests."""
    labels = tuple(_canonical(one, f"labels[{i}]") for i, one in enumerate(scenario.labels))
    reasonings = scenario.reasonings and tuple(
        _canonical(one, f"reasonings[{i}]") for i, one in enumerate(scenario.reasonings)
    )
    return msgspec.structs.replace(scenario, labels=labels, reasonings=reasonings)


def _canonical(by_attribute: dict[str, _V], where: str) -> dict[str, _V]:
    canonical: dict[str, _V] = {}
    for name, value in by_attribute.items():
        try:
            attribute = canonical_name(name)
        except ValueError as error:
            raise ValueError(f"{where} names the attribute {name!r}: {error}") from error
        if attribute in canonical:
            raise ValueError(f"{where} names the attribute {attribute!r} twice")
        canonical[attribute] = value
    return canonical


def _check(scenario: LabelledScenario) -> None:
    if is_blank(scenario.id):
        raise ValueError("id is empty")
    if is_blank(scenario.question):
        raise ValueError("question is empty")
    if not scenario.responses:
        raise ValueError("responses is empty")
    for index, response in enumerate(scenario.responses):
        if is_blank(response):
            raise ValueError(f"responses[{index}] is empty")
    if not scenario.labels and not scenario.ratings:
        raise ValueError("the scenario has neither labels nor ratings")
    _check_labels(scenario)
    if scenario.reasonings is not None and len(scenario.reasonings) != len(scenario.responses):
        raise ValueError(
            f"reasonings has {len(scenario.reasonings)} entries for "
            f"{len(scenario.responses)} responses"
        )


def _check_labels(scenario: LabelledScenario) -> None:
    if scenario.labels and len(scenario.labels) != len(scenario.responses):
        raise ValueError(
            f"labels has {len(scenario.labels)} entries for {len(scenario.responses)} responses"
        )
    for index, labels in enumerate(scenario.labels):
        for attribute, label in labels.items():
            if fault := label_fault(label):
                raise ValueError(f"labels[{index}].{attribute} {fault}")


def _bank_digest(scenarios: Sequence[LabelledScenario], setup: RatingSetup) -> str:
    # Scenarios are sorted: the order of lines does not affect retrieval, so it is not hashed.
    lines = [text_digest(canonical_json(_hashed(s)).decode()) for s in scenarios]
    return digest("bank", lines, *([] if setup == NO_SETUP else [setup]))


def _hashed(scenario: LabelledScenario) -> LabelledScenario | dict[str, object]:
    """What is hashed: versions of banks are older than response classes."""
    if scenario.response_classes:
        return scenario
    members: dict[str, object] = msgspec.to_builtins(scenario)
    del members["response_classes"]
    return members


def excerpt(value: object) -> str:
    """A value of a file as JSON, of at most 40 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"


def in_plain_words(error: Exception) -> str:
    """What an error of reading a record says."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    return str(error).replace(" - at `$`", "").replace("`$.", "`")
