"""How prompts present candidates and examples: orders, letters, levels in words."""

from __future__ import annotations

import math
import random
import string
import textwrap
from collections.abc import Sequence

from app.domain.bank import LabelledScenario
from app.domain.fingerprint import text_digest
from app.domain.scenario import Attribute, Scenario
from app.domain.scorer import ScorerSettings
from workers.methods.base import Ask

LETTERS = string.ascii_uppercase
_ORDINARY_WORD = 40
"""Ordinary words have at most so many characters. URLs have more, and so have sentences in Chinese,
which are one word to Python."""
_CUT = " …"
_LEVEL_WORDS = ("very low", "low", "middling", "high", "very high")


def example_order(example: LabelledScenario) -> list[int]:
    """Return the indices of an example's responses in the order in which prompts show them.

    It is the canonical order of candidates (see `app.domain.plan.canonical_scenario`). A bank's own
    order may reveal its labels (the better response always first), and a model copies such a
    pattern from the examples to candidates in another order.
    """
    return sorted(range(len(example.responses)), key=lambda i: text_digest(example.responses[i]))


def lettered(texts: Sequence[str]) -> list[dict[str, str]]:
    """Pair texts with the letters that prompts name them by."""
    return [{"letter": letter, "text": text} for letter, text in zip(LETTERS, texts, strict=False)]


def order_asks(scenario: Scenario, settings: ScorerSettings) -> list[Ask]:
    """Return one ask for each presentation order, showing all candidates."""
    count = len(scenario.candidates)
    return [Ask(order) for order in presentation_orders(count, settings.orders, settings.seed)]


def presentation_orders(count: int, orders: int, seed: int) -> list[tuple[int, ...]]:
    """Return different orders of `count` candidates: forward, reversed, then seeded shuffles.

    There are `orders` of them, or fewer if there are not that many.
    """
    forward = tuple(range(count))
    chosen = list(dict.fromkeys([forward, forward[::-1]]))[:orders]
    shuffler = random.Random(f"{seed}:{count}")
    while len(chosen) < min(orders, math.factorial(count)):
        shuffled = tuple(shuffler.sample(forward, count))
        if shuffled not in chosen:
            chosen.append(shuffled)
    return chosen


def level_word(label: float) -> str:
    """Name a label in [0, 1]: `very low` to `very high`."""
    return _LEVEL_WORDS[min(int(label * 5), 4)]


def example_reasoning(
    attribute: Attribute, example: LabelledScenario, index: int, settings: ScorerSettings
) -> str:
    """Return the bank's reasoning for a label, or a sentence that names the label's level."""
    given = (example.reasonings or [{}] * len(example.responses))[index].get(attribute.name)
    if not (given and given.strip()):
        given = f"Its {attribute.name} is {level_word(example.labels[index][attribute.name])}."
    return shortened(given, settings)


def shortened(reasoning: str, settings: ScorerSettings) -> str:
    """Cut an example's reasoning to the requested length: the model copies the length as well.

    The cut is between words, or within one that is longer than ordinary words are.
    """
    limit = settings.reasoning_chars
    whole = " ".join(reasoning.split())
    if len(whole) <= limit:
        return whole
    between_words = textwrap.shorten(whole, limit, placeholder=_CUT)
    kept = between_words.removesuffix(_CUT.lstrip()).rstrip()
    first_lost = whole[len(kept) :].split(maxsplit=1)[0]
    if kept and len(first_lost) <= _ORDINARY_WORD:
        return between_words
    return whole[: limit - 1].rstrip() + _CUT.lstrip()
