"""Scenarios that a corpus yields: values in, values out, no I/O.

Sections named in this folder are those of "Steerable Pluralism: Pluralistic Alignment via Few-Shot
Comparative Regression" (AIES 2025).
"""

import hashlib
import json
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from app.domain.texts import text_key

LabelPair = tuple[str, float]
"""An attribute's name and one of its levels: what the split must cover."""

Part = Literal["eval", "train"]


class BankInputError(ValueError):
    """The input cannot become a bank; the message says where and why."""


class RowError(BankInputError):
    """One row of the input cannot be read, though others may; names its line and column."""

    def __init__(self, line: int, column: str | None, problem: str) -> None:
        place = f"line {line}" if column is None else f"line {line}, column {column!r}"
        super().__init__(f"{place}: {problem}")


def quoted(value: object) -> str:
    """A value for a message, cut in the middle if it is a whole paragraph."""
    shortened = reprlib.Repr()
    shortened.maxstring = 60
    return shortened.repr(value)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One labelled quality of a response and the values its labels can take."""

    name: str
    definition: str
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A question with labelled responses; `labels` and `reasonings` go with `responses`."""

    id: str
    question: str
    responses: tuple[str, ...]
    labels: tuple[dict[str, float], ...]
    reasonings: tuple[dict[str, str], ...]

    def label_pairs(self) -> frozenset[LabelPair]:
        """Every (attribute, level) that at least one response carries."""
        return frozenset(pair for labels in self.labels for pair in labels.items())


@dataclass(frozen=True, slots=True)
class Pool:
    """All scenarios of a corpus, and what was left out."""

    scenarios: tuple[Scenario, ...]
    rows: int
    """Rows read, left-out ones included."""
    left_out: Mapping[str, int]
    """Reason -> how many."""
    unreadable: tuple[str, ...] = ()
    """One message for each row that was skipped because it could not be read."""


def scenario_id(corpus: str, question: str) -> str:
    """An id that depends on the question alone, so that it outlives seeds and row order."""
    return f"{corpus}-{hashlib.sha256(question.encode('utf-8')).hexdigest()[:16]}"


def one_per_question(scenarios: Iterable[Scenario], left_out: Counter[str]) -> list[Scenario]:
    """The first scenario of each question, so that no split can hold a question twice."""
    first: dict[str, Scenario] = {}
    for scenario in scenarios:
        if first.setdefault(text_key(scenario.question), scenario) is not scenario:
            left_out["questions like an earlier one but for case or spacing"] += 1
    return list(first.values())


def jsonl(records: Iterable[Mapping[str, object]]) -> str:
    """JSON Lines with readable non-ASCII text."""
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    # These are legal inside JSON strings, but str.splitlines would break a record at them.
    for separator in ("\u0085", "\u2028", "\u2029"):
        text = text.replace(separator, f"\\u{ord(separator):04x}")
    return text
