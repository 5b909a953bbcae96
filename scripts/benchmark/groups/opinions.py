"""OpinionQA: a group's answer to a new question, from answers to similar questions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.people.similar_texts import fit_similar, places

Source = Literal["own", "others", "others, other questions"]
SOURCES: tuple[Source, ...] = ("own", "others", "others, other questions")


@dataclass(frozen=True)
class Opinion:
    """A question as one group answered it."""

    group: str
    split: str
    question: str
    answers: tuple[str, ...]
    liked: Floats
    """What share of the group prefers each answer, scaled within the question"""


def read_opinions(folder: Path) -> list[Opinion]:
    """All questions of all groups."""
    found: list[Opinion] = []
    for path in sorted(folder.glob("*/*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            one = json.loads(line)
            liked = [next(iter(labels.values())) for labels in one["labels"]]
            answers = tuple(one["responses"])
            found.append(
                Opinion(path.parent.name, path.stem, one["question"], answers, np.array(liked))
            )
    return found


def right_answers(opinions: list[Opinion], group: str, source: Source) -> NDArray[np.bool_]:
    """For each evaluation question of a group, whether its commonest answer is predicted.

    From the group's own training questions, or from these and all other groups' questions: with the
    same questions among them, which other groups may have been asked, or without.
    """
    new = [one for one in opinions if one.group == group and one.split == "eval"]
    asked = {one.question for one in new}
    known = [
        one
        for one in opinions
        if (one.group == group and one.split == "train") or (one.group != group and source != "own")
    ]
    if source == "others, other questions":
        known = [one for one in known if one.question not in asked]
    similar = fit_similar(
        [one.question for one in known for _ in one.answers],
        [answer for one in known for answer in one.answers],
        np.concatenate([places(len(one.answers)) for one in known]),
        np.concatenate([one.liked for one in known]),
        np.repeat(np.arange(len(known)), [len(one.answers) for one in known]),
        checked=False,
    )
    assert similar is not None, "there are questions to learn from"
    predicted = [int(similar.predict(one.question, one.answers).argmax()) for one in new]
    return np.array(
        [one.liked[p] == one.liked.max() for one, p in zip(new, predicted, strict=True)]
    )


def chances(opinions: list[Opinion], group: str) -> tuple[float, float]:
    """Accuracy of guessing, and of the commonest place in the group's training questions."""
    new = [one for one in opinions if one.group == group and one.split == "eval"]
    train = [one for one in opinions if one.group == group and one.split == "train"]
    longest = max(len(one.answers) for one in opinions)
    votes = np.bincount([int(one.liked.argmax()) for one in train], minlength=longest)
    by_place = [int(votes[: len(one.answers)].argmax()) for one in new]
    right = [one.liked[p] == one.liked.max() for one, p in zip(new, by_place, strict=True)]
    return float(np.mean([1 / len(one.answers) for one in new])), float(np.mean(right))
