"""Surface features of a response, computed without a model. Pure.

Length, lists and lexical variety alone predict human labels better than small judges do (on
HelpSteer2 62 % of sampled targets, where chance is 50 %). A calibration therefore combines them
with the judge's scores.
"""

from __future__ import annotations

import math
import re

from msgspec import Struct

from app.domain.scenario import Scenario
from app.domain.texts import words_of

VERSION = "surface/2"
"""Stored with every calibration, which applies to features of the same version only."""

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
"""Names of the features, in the order of `surface_features`. A count n enters as log(1 + n),
because the second list item matters more than the twentieth; the others are shares or means."""

_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[。！？]")
_LIST_ITEM = re.compile(r"^[^\S\n]*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_CLOSING = frozenset(".!?。！？\"')`”’")


def surface_features(question: str, response: str) -> tuple[float, ...]:
    """The surface features of a response: one number for each of `NAMES`."""
    words = words_of(response.lower())
    distinct = set(words)
    asked = set(words_of(question.lower()))
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
    """Surface features of a scenario's candidates, with their version."""

    version: str
    values: tuple[tuple[float, ...], ...]
    """One tuple per candidate, in the order of `Scenario.candidates`."""


def surface_of(scenario: Scenario) -> SurfaceFeatures:
    """The surface features of every candidate."""
    question = scenario.question
    return SurfaceFeatures(
        VERSION, tuple(surface_features(question, c) for c in scenario.candidates)
    )
