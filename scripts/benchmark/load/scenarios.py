"""Requests for measurements: one scenario, and many of the length of real ones."""

from __future__ import annotations

import random
from typing import Any

ONE: dict[str, Any] = {
    "question": "How do I boil an egg?",
    "responses": ["Lower it into boiling water, wait seven minutes, cool it.", "Ten minutes."],
    "attributes": ["helpfulness", "verbosity"],
}
TARGET = {"helpfulness": 1.0, "verbosity": 0.25}
_WORDS = (
    "the a water boil egg then for seven minutes cold bowl until it is firm or soft place lid heat "
    "salt careful with hot pot add remove spoon cool under tap peel serve bread butter answer "
    "because most people like yolk time depends size large small fridge room temperature altitude"
)


def many(count: int) -> list[dict[str, Any]]:
    """Bodies of `/select`: different scenarios, three replies of 100 to 200 words, and targets."""
    source, vocabulary = random.Random(0), _WORDS.split()

    def text(words: int) -> str:
        return " ".join(source.choices(vocabulary, k=words)).capitalize() + "."

    return [
        {
            "question": f"{text(25)} Question {number}?",
            "responses": [text(source.randint(100, 200)) for _ in range(3)],
            "attributes": ["helpfulness", "verbosity"],
            "target": {
                "helpfulness": round(source.random(), 2),
                "verbosity": round(source.random(), 2),
            },
        }
        for number in range(count)
    ]
