"""SPICA's release as banks with ratings: `../shared/data/spica`, whose README has the files."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from app.domain.arrays import Floats
from app.domain.bank import Bank, LabelledScenario, bank_of
from app.domain.rating_records import Rating, RatingScale, RatingSetup
from app.domain.ratings.table import Ints

Kind = Literal["rating", "text_rating"]
"""Ratings of the strategy as described, or of the text that was shown."""
SETUP = RatingSetup(
    rating_scale=RatingScale(1, 5),
    response_classes=dict.fromkeys(
        ("refusal", "high_level", "specific", "multiperspective", "opinionated"), ""
    ),
)


def read_spica(path: Path, kind: Kind) -> Bank:
    """Read `train.jsonl` or `bank_ratings.jsonl`. The latter has no texts: ids stand for them."""
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    return bank_of([_scenario(line, kind) for line in lines], SETUP)


def file_order(path: Path) -> list[str]:
    """The ids in the order of a file: every 15 prompts form a block."""
    return [msgspec.json.decode(line)["id"] for line in path.read_bytes().splitlines()]


def blocks_of(bank: Bank) -> Ints:
    """The block of each scenario: those of one block have the same raters (scenarios,)."""
    raters = [min(rating.rater for rating in one.ratings or ()) for one in bank.scenarios]
    return np.array([int(rater.rpartition("-")[2]) // 2 for rater in raters], dtype=np.int64)


def published_errors(folder: Path, bank: Bank) -> dict[tuple[str, str], Floats]:
    """(condition, group) -> the paper's errors (scenarios,) of the prompts in `train.jsonl`."""
    errors: dict[tuple[str, str], list[float]] = {}
    with (folder / "published_errors.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            errors.setdefault((row["condition"], row["group"]), []).append(float(row["error"]))
    block = dict(zip((one.id for one in bank.scenarios), blocks_of(bank).tolist(), strict=True))
    places: dict[str, int] = {}
    seen: Counter[int] = Counter()
    for name in file_order(folder / "train.jsonl"):
        places[name] = 15 * block[name] + seen[block[name]]
        seen[block[name]] += 1
    rows = [places[one.id] for one in bank.scenarios]
    return {key: np.array(values)[rows] for key, values in errors.items()}


def _scenario(line: dict[str, Any], kind: Kind) -> LabelledScenario:
    classes = tuple(line["strategies"])
    return LabelledScenario(
        id=line["id"],
        question=line.get("question", line["id"]),
        responses=tuple(line.get("responses", classes)),
        ratings=tuple(
            Rating(
                rater=one["rater"], response=one["response"], rating=one[kind], group=one["group"]
            )
            for one in line["ratings"]
        ),
        response_classes=classes,
    )
