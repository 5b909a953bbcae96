"""Surface features of a response, computed without a model. Pure.

Length, lists and lexical variety alone predict human labels better than small judges do (on
HelpSteer2 62 % of sampled targets, where chance is 50 %). A calibration therefore combines them
with the judge's scores.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Iterator

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
_PIECE = 50_000
"""Characters of a long text that are counted at once."""
_BETWEEN = re.compile(r"[\s\"#$%&()*+,/;<=>@\[\\\]{|}~-]")
"""Where a text can be cut: no word and no end of a sentence goes on behind these, and lower case
does not depend on what is behind them."""
_DIGITS = string.digits.encode()
_CAPITALS = string.ascii_uppercase.encode()
_CLOSING = frozenset(".!?。！？\"')`”’")


def surface_features(question: str, response: str) -> tuple[float, ...]:
    """The surface features of a response: one number for each of `NAMES`."""
    return _features(len(question), _distinct_words(question), response)


def _features(question_length: int, asked: set[str], response: str) -> tuple[float, ...]:
    words = letters = sentences = digits = capitals = 0
    distinct: set[str] = set()
    for piece in _pieces(response):
        found = words_of(piece.lower())
        distinct.update(found)
        words += len(found)
        letters += sum(map(len, found))
        sentences += len(_SENTENCE_END.findall(piece))
        digits += _count(piece, _DIGITS, str.isdigit)
        capitals += _count(piece, _CAPITALS, str.isupper)
    sentences = max(1, sentences)
    shared = len(distinct & asked)
    text = response.rstrip()
    return (
        math.log1p(len(response)),
        math.log1p(words),
        math.log1p(sentences),
        math.log1p(response.count("\n")),
        math.log1p(response.count("\n\n")),
        math.log1p(len(_LIST_ITEM.findall(response))),
        words / sentences,
        letters / max(1, words),
        len(distinct) / max(1, words),
        shared / max(1, len(asked)),
        shared / max(1, len(distinct)),
        math.log1p(response.count("```")),
        math.log1p(digits),
        math.log1p(response.count("?")),
        math.log1p(response.count("!")),
        math.log1p(response.count("**")),
        capitals / max(1, len(response)),
        float(bool(text) and text[-1] in _CLOSING),
        math.log1p(question_length),
    )


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that can be counted one by one.

    No call takes long then, so that a thread that counts lets others go on.
    """
    start = 0
    while cut := _BETWEEN.search(text, start + _PIECE):
        yield text[start : cut.end()]
        start = cut.end()
    yield text[start:]


def _distinct_words(text: str) -> set[str]:
    return {word for piece in _pieces(text) for word in words_of(piece.lower())}


def _count(text: str, ascii_ones: bytes, test: Callable[[str], bool]) -> int:
    """Number of characters that pass a test."""
    if text.isascii():
        return len(text) - len(text.encode().translate(None, ascii_ones))
    return sum(map(test, text))


class SurfaceFeatures(Struct, frozen=True):
    """Surface features of a scenario's candidates, with their version."""

    version: str
    values: tuple[tuple[float, ...], ...]
    """One tuple per candidate, in the order of `Scenario.candidates`."""


def surface_of(scenario: Scenario) -> SurfaceFeatures:
    """The surface features of every candidate."""
    length, asked = len(scenario.question), _distinct_words(scenario.question)
    return SurfaceFeatures(VERSION, tuple(_features(length, asked, c) for c in scenario.candidates))
