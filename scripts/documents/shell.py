"""Reading shell examples: which commands a script runs. Knows what documents need. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

_SEPARATORS = {"&&", "||", ";", "|", "&", "{", "}"}
_FUNCTION = re.compile(r"(\w+)\(\)")


def commands_of(script: str) -> Iterator[list[str]]:
    """The commands of a script as words, without comments; calls of its functions are expanded.

    Raises `ValueError` when a quotation does not end.
    """
    functions: dict[str, list[str]] = {}
    for line in _lines(script.replace("\\\n", " ")):
        if line and (defined := _FUNCTION.fullmatch(line[0])):
            (functions[defined[1]],) = _split(line[1:])
            continue
        for words in _split(line):
            yield _expanded(functions[words[0]], words[1:]) if words[0] in functions else words


def _lines(script: str) -> Iterator[list[str]]:
    """The words of each line; a quoted text may go on for several lines."""
    text = ""
    for line in script.splitlines():
        text = f"{text}\n{line}" if text else line
        try:
            words = _words(text)
        except ValueError:
            continue
        yield words
        text = ""
    if text:
        raise ValueError(f"a quotation does not end: {text}")


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    return list(lexer)


def _split(words: Sequence[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word in _SEPARATORS:
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


def _expanded(body: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """A function's one command with the arguments of a call."""
    words: list[str] = []
    for word in body:
        if word == "$@":
            words += arguments
        elif rest := re.fullmatch(r"\$\{@:(\d+)\}", word):
            words += arguments[int(rest[1]) - 1 :]
        else:
            words.append(word)
    return words
