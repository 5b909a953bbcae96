"""Commands in README.md and RESULTS.md of the benchmark: they parse, and none is missing."""

import re
import shlex

import pytest

from scripts.benchmark.__main__ import COMMANDS, parser_for
from scripts.benchmark.records.published import PUBLISHED
from scripts.calibrate.__main__ import parser as calibrate_parser

PAGES = [PUBLISHED.parent / name for name in ("README.md", "RESULTS.md")]
VALUES = {"$1": "helpsteer2", "${@:2}": "", "$@": ""}
"""Of the shell functions' parameters."""


def commands_of(page):
    """Every `python -m …` in a block of shell, without the interpreter."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    text = "\n".join(blocks).replace("\\\n", " ")
    for parameter, value in VALUES.items():
        text = text.replace(f'"{parameter}"', value).replace(parameter, value)
    for line in text.splitlines():
        _, found, command = line.partition(".venv/bin/python -m ")
        if found:
            words = shlex.split(command.split(";")[0], comments=True)
            yield words[0], words[1:]


COMMAND_LINES = [line for page in PAGES for line in commands_of(page)]


@pytest.mark.parametrize(("module", "words"), COMMAND_LINES, ids=lambda value: str(value)[:60])
def test_the_command_line_is_valid(module, words):
    if module == "scripts.benchmark":
        parser, _ = parser_for(words)
        parser.parse_args(words)
    elif module == "scripts.calibrate":
        calibrate_parser().parse_args(
            [*words, *([] if "--bank" in words else ["n", "--bank", "b"])]
        )
    else:
        assert module == "pytest"


def test_every_command_of_the_benchmark_is_documented():
    table = PAGES[0].read_text("utf-8")
    assert [name for name in COMMANDS if f"| `{name}` |" not in table] == []
