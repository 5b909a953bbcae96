"""Texts that the fake engine writes: made-up sentences, the same for the same prompt."""

from __future__ import annotations

import hashlib
import random
import re

from workers.engines.base import Sampling
from workers.tokenization.conversation import Prompt

_VOCABULARY = (
    *("answers", "boats", "careful", "days", "every", "few", "gardens", "honest", "if", "just"),
    *("kind", "letters", "many", "nearby", "often", "people", "quiet", "rather", "some", "things"),
)
_WANTED = re.compile(r"\b(\d{1,4}) words\b")
"""In the user's message: how many words to write."""
_MOST, _LEAST = 40, 12


def made_up_words(prompt: Prompt, sampling: Sampling) -> list[str]:
    """Return the words of a text, each with the blank before it. A word counts as a token."""
    seed = sampling.seed if sampling.temperature > 0 else ""
    content = "\x1f".join(f"{m.role}\x1e{m.content}" for m in prompt.messages)
    draw = random.Random(hashlib.sha256(f"{content}\x1f{seed}".encode()).digest())
    wanted = _WANTED.search(prompt.messages[-1].content)
    count = int(wanted[1]) if wanted else draw.randint(_LEAST, _MOST)
    words = [draw.choice(_VOCABULARY) for _ in range(count)]
    return [f" {word}" if place else word.capitalize() for place, word in enumerate(words)]
