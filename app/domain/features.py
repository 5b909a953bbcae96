"""Surface features of a response: what can be told of it without any model. Pure.

Lengths, lists and lexical variety alone tell human raters' labels better than small judges do
(on HelpSteer2 62 % of sampled targets against a chance of 50), so a calibration weighs a judge's
scores against them.
"""

from __future__ import annotations

import math
import re

from msgspec import Struct

from app.domain.scenario import Scenario

VERSION = "surface/1"
"""Part of every calibration: features of another version do not fit it."""

NAMES = (
    "characters",
    "words",
    "sentences",
    "lines",
    "paragraphs",
    "list items",
    "words per sentence",
    "characters per word",
    "lexical variety",
    "question words in the response",
    "response words in the question",
    "code fences",
    "digits",
    "question marks",
    "exclamation marks",
    "bold markers",
    "upper case",
    "ends like a sentence",
    "characters of the question",
)
"""What the numbers of `surface_features` are, in their order. Counts are logarithms of 1 + n,
because the second list item says more than the twentieth; the others are shares or means."""

_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"[.!?。！？](?:\s|$)")
_LIST_ITEM = re.compile(r"^[^\S\n]*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_CLOSING = frozenset(".!?。！？\"')`”’")


def surface_features(question: str, response: str) -> tuple[float, ...]:
    """One number for each of `NAMES`."""
    words = _WORD.findall(response.lower())
    distinct = set(words)
    asked = set(_WORD.findall(question.lower()))
    sentences = max(1, len(_SENTENCE_END.findall(response)))
    shared = len(distinct & asked)
    text = response.rstrip()
    return (
        math.log1p(len(response)),
        math.log1p(len(words)),
        math.log1p(sentences),
        math.log1p(response.count("\n")),
        math.log1p(response.count("\n\n")),
        math.log1p(len(_LIST_ITEM.findall(response))),
        len(words) / sentences,
        sum(map(len, words)) / max(1, len(words)),
        len(distinct) / max(1, len(words)),
        shared / max(1, len(asked)),
        shared / max(1, len(distinct)),
        math.log1p(response.count("```")),
        math.log1p(sum(map(str.isdigit, response))),
        math.log1p(response.count("?")),
        math.log1p(response.count("!")),
        math.log1p(response.count("**")),
        sum(map(str.isupper, response)) / max(1, len(response)),
        float(bool(text) and text[-1] in _CLOSING),
        math.log1p(len(question)),
    )


class SurfaceFeatures(Struct, frozen=True):
    """Surface features of a scenario's candidates, at one version."""

    version: str
    values: tuple[tuple[float, ...], ...]
    """One tuple for each of `Scenario.candidates`."""


def surface_of(scenario: Scenario) -> SurfaceFeatures:
    """The surface features of every candidate."""
    question = scenario.question
    return SurfaceFeatures(
        VERSION, tuple(surface_features(question, c) for c in scenario.candidates)
    )
