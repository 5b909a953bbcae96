"""Rows of both corpora, and pools of scenarios."""

import csv
import io
import random
from collections.abc import Iterable, Sequence

from scripts.banks.helpsteer2 import (
    HELPSTEER2_ATTRIBUTES,
    RatedResponse,
)
from scripts.banks.mic import (
    Annotation,
)
from scripts.banks.scenarios import Attribute, Scenario

AGREES = 1

NEITHER = 0

DISAGREES = -1


def annotation(
    agreement: int | None = AGREES,
    morals: Iterable[str] = ("care",),
    *,
    question: str = "May I lie?",
    answer: str = "Never.",
    rot: str = "Lying hurts people.",
) -> Annotation:
    return Annotation(question, answer, rot, agreement, frozenset(morals))


def rated(prompt: str, response: str, rating: int = 2) -> RatedResponse:
    return RatedResponse(prompt, response, {a.name: rating for a in HELPSTEER2_ATTRIBUTES})


def rated_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {"prompt": "Why is the sky blue?", "response": "It scatters light."}
    return row | {a.name: 3 for a in HELPSTEER2_ATTRIBUTES} | changes


MIC_HEADER = ["", "Q", "A", "rot", "A_agrees", "moral-vector", "comments"]

CARE = "[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]"


def mic_row(**changes: str) -> list[str]:
    row = {
        "Q": "May I lie?",
        "A": "Never.",
        "rot": "Lying hurts.",
        "A_agrees": "2",
        "moral-vector": CARE,
    }
    return [(row | changes).get(column, "") for column in MIC_HEADER]


def csv_text(rows: Iterable[Sequence[str]], header: Sequence[str] = MIC_HEADER) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue()


LEVELS = (0.0, 0.5, 1.0)

ATTRIBUTES = (Attribute("warmth", "", LEVELS), Attribute("wit", "", LEVELS))

PAIRS = [(attribute.name, level) for attribute in ATTRIBUTES for level in LEVELS]


def scenario_of(question: str, *labels: tuple[float, float]) -> Scenario:
    return Scenario(
        id=f"test-{question}",
        question=question,
        responses=tuple(f"response {index}" for index in range(len(labels))),
        labels=tuple({"warmth": warmth, "wit": wit} for warmth, wit in labels),
        reasonings=tuple({} for _ in labels),
    )


def pool_of(size: int, seed: int, weights: Sequence[float] = (1, 10, 4)) -> list[Scenario]:
    rng = random.Random(seed)
    labels = [rng.choices(LEVELS, weights, k=4) for _ in range(size)]
    return [
        scenario_of(f"question {index}", (a, b), (c, d))
        for index, (a, b, c, d) in enumerate(labels)
    ]
