"""JSON from outside: parsed, and refused where an object names a member twice. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, TypeAlias

import orjson

_MEMBER = re.compile(rb'"[ \t\r\n]*:')
"""Found at least once for each member: within strings a quote is escaped, but may be followed by a
colon as well, and so may the quote that opens a string."""
_MAX_DIGITS = 4300
"""Python reads no longer integers: it would take quadratic time."""
_Path: TypeAlias = tuple["_Path", str | int] | None
"""The way to a value: the one to its container, and the last step."""


class InvalidJson(ValueError):
    """A text is not JSON that could be stored and sent on."""


class RepeatedMember(ValueError):
    """An object names a member twice. Which of the two is meant cannot be known."""

    def __init__(self, steps: tuple[str | int, ...]) -> None:
        super().__init__(f"{_dotted(steps)} occurs twice")
        self.steps = steps
        """The way to the member: names and indices."""


def parse_json(text: bytes) -> Any:
    """The value of a JSON text in UTF-8 (or UTF-16 or UTF-32, with or without a byte order mark).

    Raises `InvalidJson` or `RepeatedMember`. NaN and infinities are accepted, so that the field
    that cannot have them is reported, and integers of too many digits are infinite.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _parse_with_care(text)
    if len(_MEMBER.findall(text)) == _count_members(value):
        return value
    return _parse_with_care(text)


def _count_members(value: Any) -> int:
    """Members of all objects in a value, level by level."""
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
    """The same, several times slower, with the reason and the place of what is wrong."""
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
        raise InvalidJson("not JSON that can be read: it is nested too deeply") from error
    if objects.repeated is not None:
        raise RepeatedMember(_steps_to(objects.repeated, value))
    if "\\ud" in decoded or "\\uD" in decoded:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InvalidJson(
                "not JSON in Unicode: it contains a lone surrogate, half a character"
            ) from error
    return value


class _Objects:
    """Builds the objects of a text and notes one that names a member twice."""

    def __init__(self) -> None:
        self.repeated: tuple[dict[str, Any], str] | None = None
        """The object and the member. The last one that was built: objects that hold others are
        built after them, so no later one can have dropped this one."""

    def build(self, members: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(members)
        if len(built) < len(members):
            counts = Counter(name for name, _ in members)
            self.repeated = (built, counts.most_common(1)[0][0])
        return built


def _steps_to(repeated: tuple[dict[str, Any], str], value: Any) -> tuple[str | int, ...]:
    """The way to a repeated member."""
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
    """`labels[0].warmth`"""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")
