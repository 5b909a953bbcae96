"""Repeated scenarios in a bank, with equal or contradicting labels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from app.domain.bank import LabelledScenario
from app.domain.texts import text_key

Labels = dict[str, dict[str, float]]
"""Response -> attribute -> label."""


class Repeats(Struct, frozen=True):
    """Groups of scenarios with the same question and responses, by their ids."""

    duplicates: tuple[tuple[str, ...], ...] = ()
    """Groups whose labels agree."""
    contradictions: tuple[tuple[str, ...], ...] = ()
    """Groups in which a response has different labels for one attribute."""


def rows_by_question(scenarios: Sequence[LabelledScenario]) -> dict[str, list[int]]:
    """Rows of scenarios by question: `text_key` of the question -> rows."""
    rows: dict[str, list[int]] = {}
    for row, scenario in enumerate(scenarios):
        rows.setdefault(text_key(scenario.question), []).append(row)
    return rows


def repeats_in(scenarios: Sequence[LabelledScenario]) -> Repeats:
    """Find scenarios with the same question and responses."""
    duplicates: list[tuple[str, ...]] = []
    contradictions: list[tuple[str, ...]] = []
    for rows in _same_texts(scenarios, rows_by_question(scenarios).values()):
        labels = [_labels(scenarios[row]) for row in rows]
        groups = contradictions if _contradict(labels) else duplicates
        groups.append(tuple(scenarios[row].id for row in rows))
    return Repeats(tuple(duplicates), tuple(contradictions))


def repeated_rows(
    scenarios: Sequence[LabelledScenario], same_question: Iterable[Sequence[int]]
) -> frozenset[int]:
    """Rows that prompts can do without, because another row has the same texts.

    Among rows with the same texts, the one with the most common labels is kept, and any row with
    labels on further attributes. `same_question` are the values of `rows_by_question`.
    """
    repeated: set[int] = set()
    for rows in _same_texts(scenarios, same_question):
        labels = {row: _labels(scenarios[row]) for row in rows}
        names = {row: {n for one in labels[row].values() for n in one} for row in rows}
        agreeing = {row: sum(labels[row] == other for other in labels.values()) for row in rows}
        kept: set[str] = set()
        for row in sorted(rows, key=lambda r: (-len(names[r]), -agreeing[r], r)):
            if names[row] <= kept:
                repeated.add(row)
            kept |= names[row]
    return frozenset(repeated)


def _same_texts(
    scenarios: Sequence[LabelledScenario], same_question: Iterable[Sequence[int]]
) -> list[list[int]]:
    """Groups of at least two rows with the same question and responses, in any order."""
    groups: list[list[int]] = []
    for rows in same_question:
        if len(rows) == 1:
            continue
        by_responses: dict[frozenset[str], list[int]] = {}
        for row in rows:
            responses = frozenset(map(text_key, scenarios[row].responses))
            by_responses.setdefault(responses, []).append(row)
        groups += [group for group in by_responses.values() if len(group) > 1]
    return groups


def _labels(scenario: LabelledScenario) -> Labels:
    pairs = zip(scenario.responses, scenario.labels, strict=False)
    return {text_key(response): labels for response, labels in pairs}


def _contradict(scenarios: Sequence[Labels]) -> bool:
    known: dict[tuple[str, str], float] = {}
    return any(
        known.setdefault((response, attribute), label) != label
        for labels in scenarios
        for response, one in labels.items()
        for attribute, label in one.items()
    )
