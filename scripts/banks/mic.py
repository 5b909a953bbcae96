"""Scenarios from the Moral Integrity Corpus (section 3.1, appendix D.1)."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from scripts.banks.scenarios import (
    Attribute,
    BankInputError,
    Pool,
    RowError,
    Scenario,
    one_per_question,
    quoted,
    scenario_id,
)

MIC_ANNOTATIONS = 3
"""Annotations of an answer that the label rule sums."""


def scale_mic_sum(total: int) -> float:
    """Section 3.1: a sum of three annotations, -3 to 3, as a label in [0, 1], two decimals."""
    return round((total + MIC_ANNOTATIONS) / (2 * MIC_ANNOTATIONS), 2)


_MIC_LEVELS = tuple(scale_mic_sum(s) for s in range(-MIC_ANNOTATIONS, MIC_ANNOTATIONS + 1))

# In the order of the corpus's `moral-vector` column.
MIC_ATTRIBUTES = tuple(
    Attribute(name, definition, _MIC_LEVELS)
    for name, definition in {
        "care": "Care is wanting others to be safe and well. "
        "High: the response is kind and protective. Low: it harms or condones harm.",
        "fairness": "Fairness is giving each their due and cheating nobody. "
        "High: the response stands for even-handed treatment. Low: it favours unjust treatment.",
        "liberty": "Liberty is letting people decide about their own lives. "
        "High: the response upholds free choice. Low: it sides with coercion.",
        "loyalty": "Loyalty is keeping faith with one's people and one's promises. "
        "High: the response stands by the group. Low: it deserts or betrays it.",
        "authority": "Authority is honouring roles, duties and the rules that order a community. "
        "High: the response respects them. Low: it undermines them.",
        "sanctity": "Sanctity is keeping body, mind and what people hold sacred unsullied. "
        "High: the response preserves purity. Low: it debases it.",
    }.items()
)

MIC_MORALS = tuple(attribute.name for attribute in MIC_ATTRIBUTES)

MIC_COLUMNS = ("Q", "A", "rot", "A_agrees", "moral-vector")

_AGREEMENTS = {
    **dict.fromkeys(("0", "0.0", "disagree", "disagrees"), -1),
    **dict.fromkeys(("1", "1.0", "neither", "neutral"), 0),
    **dict.fromkeys(("2", "2.0", "agree", "agrees"), 1),
}

_AGREEMENT_WORDS = {-1: "disagrees", 0: "neither agrees nor disagrees", 1: "agrees"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """One worker's rule of thumb (RoT) about one answer: one MIC row."""

    question: str
    answer: str
    rot: str
    agreement: int | None
    """The answer agrees with the RoT (1), disagrees (-1), neither (0); None: left blank."""
    morals: frozenset[str]
    """The moral foundations the worker found behind the RoT."""


def parse_agreement(text: str) -> int | None:
    """Reads `A_agrees`: 0 disagrees, 1 neither, 2 agrees, or the words; blank gives None.

    Raises ValueError for anything else.
    """
    word = text.strip().casefold()
    if word in ("", "nan"):
        return None
    if word not in _AGREEMENTS:
        raise ValueError(f"{quoted(text)} is none of 0 (disagrees), 1 (neither), 2 (agrees)")
    return _AGREEMENTS[word]


def parse_morals(text: str) -> frozenset[str]:
    """Reads `moral-vector`: six 0/1 flags such as "[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]" in the
    order of MIC_MORALS, or names such as "care|loyalty".

    Raises ValueError for anything else.
    """
    items = [item.strip("'\"") for item in re.split(r"[\s,|]+", text.strip().strip("[]").strip())]
    flags = {"0": False, "0.0": False, "0.": False, "1": True, "1.0": True, "1.": True}
    if len(items) == len(MIC_MORALS) and all(item in flags for item in items):
        return frozenset(m for m, item in zip(MIC_MORALS, items, strict=True) if flags[item])
    names = frozenset(item.casefold() for item in items)
    if not names <= set(MIC_MORALS):
        known = ", ".join(MIC_MORALS)
        raise ValueError(f"{quoted(text)} is neither six 0/1 flags nor names out of {known}")
    return names


def csv_records(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """CSV records, each with the line it starts on (quoted fields may span several)."""
    reader = csv.reader(lines)
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BankInputError(f"line {start}: not CSV ({error})") from None
        if record:
            yield start, record


def parse_annotation(fields: Mapping[str, str], line: int) -> Annotation:
    """Checks one MIC row; raises RowError for an empty or unknown value."""
    for column in ("Q", "A", "rot"):
        if not fields[column].strip():
            raise RowError(line, column, "empty")
    column = "A_agrees"
    try:
        agreement = parse_agreement(fields[column])
        column = "moral-vector"
        morals = parse_morals(fields[column])
    except ValueError as error:
        raise RowError(line, column, str(error)) from None
    rot = " ".join(fields["rot"].split())
    return Annotation(fields["Q"].strip(), fields["A"].strip(), rot, agreement, morals)


def parse_annotations(lines: Iterable[str]) -> Iterator[Annotation | RowError]:
    """Reads MIC csv text; a row that cannot be read comes out as its error.

    Raises BankInputError where reading cannot go on: a bad header or text that is no csv.
    """
    records = csv_records(lines)
    _, header = next(records, (1, []))
    for column in MIC_COLUMNS:
        if header.count(column) != 1:
            fault = "missing from" if column not in header else "more than once in"
            raise BankInputError(f"line 1, column {column!r}: {fault} the header")
    for line, record in records:
        try:
            if len(record) != len(header):
                # The first column left without a value, or the last, which has too many.
                column = header[min(len(record), len(header) - 1)]
                problem = f"the row has {len(record)} fields, the header {len(header)}"
                raise RowError(line, column, problem)
            yield parse_annotation(dict(zip(header, record, strict=True)), line)
        except RowError as error:
            yield error


def mic_label(moral: str, annotations: Iterable[Annotation]) -> float:
    """Section 3.1: +1 for each annotation whose RoT is about `moral` and with which the answer
    agrees, -1 where it disagrees, 0 otherwise; summed over three and scaled to [0, 1]."""
    return scale_mic_sum(sum(a.agreement or 0 for a in annotations if moral in a.morals))


def mic_reasoning(moral: str, annotations: Iterable[Annotation]) -> str:
    """Appendix D.1: one statement for each annotation whose RoT is about `moral`."""
    statements = [
        f"The response {_AGREEMENT_WORDS[a.agreement or 0]} with the {moral} rule of thumb: "
        + (a.rot if a.rot.endswith((".", "!", "?")) else f"{a.rot}.")
        for a in annotations
        if moral in a.morals
    ]
    return " ".join(statements) or f"No rule of thumb about {moral} bears on the response."


def mic_pool(annotations: Iterable[Annotation | RowError], *, skip_unreadable: bool) -> Pool:
    """Groups annotations by answer and answers by question.

    Raises the first RowError met, unless `skip_unreadable`.
    """
    left_out: Counter[str] = Counter()
    unreadable: list[str] = []
    questions: dict[str, dict[str, list[Annotation]]] = defaultdict(lambda: defaultdict(list))
    read = 0
    for annotation in annotations:
        read += 1
        if isinstance(annotation, RowError):
            if not skip_unreadable:
                raise annotation
            left_out["rows that cannot be read"] += 1
            unreadable.append(str(annotation))
            continue
        answer = questions[annotation.question][annotation.answer]
        if annotation.agreement is None:
            # Nothing is known about this annotation, so the answer keeps the others only.
            left_out["rows without an agreement"] += 1
        else:
            answer.append(annotation)
    scenarios = list(_mic_scenarios(questions, left_out))
    return Pool(tuple(one_per_question(scenarios, left_out)), read, left_out, tuple(unreadable))


def _mic_scenarios(
    questions: Mapping[str, Mapping[str, list[Annotation]]], left_out: Counter[str]
) -> Iterator[Scenario]:
    for question, answers in questions.items():
        complete = {}
        for answer, annotations in answers.items():
            if len(annotations) == MIC_ANNOTATIONS:
                complete[answer] = annotations
            else:
                count = len(annotations)
                left_out[f"answers with {count} annotations in place of {MIC_ANNOTATIONS}"] += 1
        if len(complete) < 2:
            left_out["questions with fewer than two different answers"] += 1
            continue
        yield Scenario(
            id=scenario_id("mic", question),
            question=question,
            responses=tuple(complete),
            labels=tuple({m: mic_label(m, a) for m in MIC_MORALS} for a in complete.values()),
            reasonings=tuple(
                {m: mic_reasoning(m, a) for m in MIC_MORALS} for a in complete.values()
            ),
        )
