"""Parsing of untrusted JSON, which rejects repeated members of an object. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, TypeAlias

import orjson

_SPACED = re.compile(rb'"[ \t\r\n]+:')
_SPACED_ESCAPED = re.compile(rb'\\"[ \t\r\n]+:')
_BACKSLASH_AT_END = rb'\\"'
"""Found where a string ends with a backslash."""
_MAX_DIGITS = 308
"""Longer integers may be beyond the range of floats, as `1e400` is."""
_Path: TypeAlias = tuple["_Path", str | int] | None
"""Path to a value: the path to its container, and the last step."""


class InvalidJson(ValueError):
    """The text is not JSON, or cannot be encoded in UTF-8."""


class RepeatedMember(ValueError):
    """An object contains a member twice, which is ambiguous."""

    def __init__(self, steps: tuple[str | int, ...]) -> None:
        super().__init__(f"{_dotted(steps)} occurs twice")
        self.steps = steps
        """Path to the member: names and indices."""


def parse_json(text: bytes) -> Any:
    """Parse JSON in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises `InvalidJson` or `RepeatedMember`. NaN and infinities are accepted: validation reports
    the field later. Integers with too many digits become infinite.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _parse_with_care(text)
    if _BACKSLASH_AT_END in text or _count_names(text) != _count_members(value):
        return _parse_with_care(text)
    return value


def _count_names(text: bytes) -> int:
    """Number of quotes before a colon: one per member, and more if a string begins with a colon.

    Escaped quotes are not counted, which holds as long as no string ends with a backslash.
    """
    adjacent = text.count(b'":') - text.count(b'\\":')
    return adjacent + len(_SPACED.findall(text)) - len(_SPACED_ESCAPED.findall(text))


def _count_members(value: Any) -> int:
    """Number of members of all objects in a value."""
    members, level = 0, [value]
    while level:
        below = []
        for one in level:
            if type(one) is dict:
                members += len(one)
                inside: Any = one.values()
            else:
                inside = one if type(one) is list else ()
            for item in inside:
                if type(item) is dict or type(item) is list:
                    below.append(item)
        level = below
    return members


def _parse_with_care(text: bytes) -> Any:
    """Parse several times slower, but report the reason and position of an error."""
    try:
        decoded = text.decode(json.detect_encoding(text))
    except UnicodeDecodeError as error:
        raise InvalidJson(f"not JSON in UTF-8: {error.reason}") from error
    objects = _Objects()
    try:
        value = json.loads(decoded, object_pairs_hook=objects.build, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise InvalidJson("not readable JSON: it is nested too deeply") from error
    if objects.repeated is not None:
        raise RepeatedMember(_steps_to(objects.repeated, value))
    if "\\ud" in decoded or "\\uD" in decoded:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InvalidJson(
                "not valid Unicode: it contains a lone surrogate (\\ud800 to \\udfff)"
            ) from error
    return value


class _Objects:
    """Builds the objects of a text and records one with a repeated member."""

    def __init__(self) -> None:
        self.repeated: tuple[dict[str, Any], str] | None = None
        """The object and the name of the member. The last such object is kept: outer objects are
        built after inner ones, so it is part of the final value."""

    def build(self, members: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(members)
        if len(built) < len(members):
            counts = Counter(name for name, _ in members)
            self.repeated = (built, counts.most_common(1)[0][0])
        return built


def _steps_to(repeated: tuple[dict[str, Any], str], value: Any) -> tuple[str | int, ...]:
    """Path to a repeated member."""
    target, name = repeated
    pending: list[tuple[_Path, Any]] = [(None, value)]
    while True:
        path, one = pending.pop()
        if one is target:
            return (*_unrolled(path), name)
        if isinstance(one, dict | list):
            items = one.items() if isinstance(one, dict) else enumerate(one)
            pending.extend(((path, step), item) for step, item in items)


def _unrolled(path: _Path) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    while path is not None:
        path, step = path
        steps.append(step)
    return tuple(reversed(steps))


def _integer(digits: str) -> int | float:
    if len(digits) <= _MAX_DIGITS:
        return int(digits)
    return float("-inf" if digits.startswith("-") else "inf")


def _dotted(steps: tuple[str | int, ...]) -> str:
    """A path as text, like `labels[0].warmth`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")
