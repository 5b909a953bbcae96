"""Finds the JSON in what a model wrote: models also write thoughts, code fences and prose."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import msgspec

from workers.methods.base import InvalidAnswer

_THINK, _THOUGHT = "<think>", "</think>"
_STEP = re.compile(r'[{}]|"(?:[^"\\]|\\.)*+(?:"|\Z)', re.DOTALL)
"""A brace or a whole string within an object: a text is read in one pass, in linear time."""


def decoded(text: str) -> Any:
    """Decode an answer's JSON. Raises `InvalidAnswer`.

    A text that is not JSON as a whole is decoded if it holds exactly one JSON object, after the
    model's thoughts, e.g. in a code fence or after a sentence.
    """
    try:
        return _json(text)
    except InvalidAnswer as error:
        objects = _objects(_after_thoughts(text))
        if not objects:
            raise
        if any(other != objects[0] for other in objects):
            raise InvalidAnswer(f"{len(objects)} JSON objects, not one") from error
        return objects[0]


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except UnicodeEncodeError as error:
        raise InvalidAnswer("not Unicode: half of a surrogate pair") from error
    except RecursionError as error:
        raise InvalidAnswer("not JSON of a reasonable depth") from error
    except msgspec.DecodeError as error:
        raise InvalidAnswer(f"not JSON: {error}") from error


def _after_thoughts(text: str) -> str:
    """Return what follows the last thought; some templates open it, so `<think>` may lack.

    Raises `InvalidAnswer` if it never ends: its drafts are not the answer.
    """
    _, ended, after = text.rpartition(_THOUGHT)
    answer = after if ended else text
    if answer.lstrip().startswith(_THINK):
        raise InvalidAnswer("the model's thoughts have no end")
    return answer


def _objects(text: str) -> list[Any]:
    """Return the JSON objects in a text that are not within others."""
    objects: list[Any] = []
    start = text.find("{")
    while start >= 0:
        end = _end(text, start)
        if end is None:
            break
        with suppress(InvalidAnswer):  # a set, or a formula
            objects.append(_json(text[start:end]))
        start = text.find("{", end)
    return objects


def _end(text: str, start: int) -> int | None:
    """Return where the braces that open at `start` are all closed; None if they never are."""
    depth = 0
    for step in _STEP.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(step[0], 0)
        if not depth:
            return step.end()
    return None
