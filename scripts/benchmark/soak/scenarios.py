"""Scenarios whose scores are known, and what the right answers are. Pure."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ATTRIBUTES = ("helpfulness", "correctness", "verbosity")
_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
_NEAR = 1e-6


@dataclass(frozen=True)
class Known:
    """A scenario, with the scores that a simulated judge without noise gives."""

    question: str
    responses: tuple[str, ...]
    labels: tuple[Mapping[str, float], ...]

    def body(self, rng: random.Random) -> dict[str, Any]:
        """A request about it, with its responses in any order."""
        order = rng.sample(range(len(self.responses)), len(self.responses))
        responses = [{"id": str(index), "text": self.responses[index]} for index in order]
        return {"question": self.question, "responses": responses}

    def line(self) -> str:
        """As a line of a scenario file."""
        labels = [dict(one) for one in self.labels]
        content = {"question": self.question, "responses": self.responses, "labels": labels}
        return json.dumps({"id": self.question, **content})

    def wrong_scores(self, score_set: Mapping[str, Any], names: Sequence[str]) -> str | None:
        """What is wrong with the scores of an answer; None if they are right."""
        cells = {cell["attribute"]: cell for cell in score_set["cells"]}
        ids = [candidate["id"] for candidate in score_set["candidates"]]
        for name in names:
            cell = cells.get(name, {})
            if cell.get("status") != "scored":
                return f"{self.question} {name}: not scored, but {cell}"
            scores = {one: given["score"] for one, given in zip(ids, cell["scores"], strict=True)}
            expected = {str(i): labels[name] for i, labels in enumerate(self.labels)}
            if any(abs(scores[one] - expected[one]) > _NEAR for one in expected):
                return f"{self.question} {name}: {scores}, not {expected}"
        return None

    def wrong_choice(self, selection: Mapping[str, Any], target: Mapping[str, float]) -> str | None:
        """What is wrong with a selection; None if no candidate is nearer to the target."""
        distances = [
            sum((labels[name] - value) ** 2 for name, value in target.items())
            for labels in self.labels
        ]
        chosen = int(selection["selected"]["id"])
        if distances[chosen] > min(distances) + _NEAR:
            return f"{self.question} for {target}: {chosen} is selected of {distances}"
        return None


def known_scenarios(count: int, rng: random.Random) -> list[Known]:
    """Made-up scenarios with random labels."""
    return [
        Known(
            question=f"Question {number} of the soak",
            responses=tuple(f"Answer {letter} to {number}." for letter in "abcd"[:size]),
            labels=tuple({name: rng.choice(_LEVELS) for name in ATTRIBUTES} for _ in range(size)),
        )
        for number in range(count)
        for size in [rng.randint(2, 4)]
    ]


def random_target(rng: random.Random) -> dict[str, float]:
    """Values for one attribute or more."""
    names = rng.sample(ATTRIBUTES, rng.randint(1, len(ATTRIBUTES)))
    return {name: rng.choice(_LEVELS) for name in names}
