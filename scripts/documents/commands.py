"""Whether a command in a document can be run: its program, module, options, URL and body exist."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import re
import runpy
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jsonschema

from app.settings import GROUPS, PREFIX, variables_of

ROOT = Path(__file__).resolve().parents[2]
_CONTRACT: dict[str, Any] = json.loads((ROOT / "openapi" / "openapi.json").read_text("utf-8"))
_SETTINGS = {variable for group in GROUPS for variable in variables_of(group)}
_OTHER_PROGRAMS = {"apt", "cp", "docker", "grep", "pip", "vllm"}
_PYTHON = {"python", ".venv/bin/python"}
_ASSIGNMENT = re.compile(r"^([A-Za-z_]\w*)=(.*)$", re.DOTALL)


def faults_of_command(words: Sequence[str]) -> Iterator[str]:
    """What is wrong with one command."""
    words = list(words)
    while words and (assigned := _ASSIGNMENT.match(words[0])):
        if assigned[1].startswith(PREFIX) and assigned[1] not in _SETTINGS:
            yield f"no setting is called {assigned[1]}"
        words.pop(0)
    if not words:
        return
    program, *arguments = words
    if program in _PYTHON:
        yield from _faults_of_python(arguments)
    elif program.removeprefix("./").startswith("scripts/"):
        yield from _faults_of_script(program.removeprefix("./"), arguments)
    elif program == "curl":
        yield from faults_of_curl(arguments)
    elif program not in _OTHER_PROGRAMS:
        yield f"the program {program} is not known to this check"


def _faults_of_python(arguments: Sequence[str]) -> Iterator[str]:
    if arguments[:1] != ["-m"] or len(arguments) < 2:
        yield f"python is called without -m MODULE: {shlex.join(arguments)}"
        return
    module, *rest = arguments[1:]
    if not _exists(module):
        yield f"there is no module {module}"
    elif module == "pytest":
        paths = [word for word in rest if word.startswith("tests/")]
        yield from (f"there is no {path}" for path in paths if not (ROOT / path).exists())
    elif module.partition(".")[0] == "scripts":
        yield from _faults_of_options(module, rest)


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


def _faults_of_options(module: str, words: Sequence[str]) -> Iterator[str]:
    options = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
    usage = _help_of(module, ())
    if commands := re.search(r"\{([\w,-]+)\} \.\.\.|^ +COMMAND$", usage, re.MULTILINE):
        if not words:
            return  # a document speaks of the module
        if words[0].startswith("-"):
            yield f"python -m {module} is called without a command"
            return
        known = (
            commands[1].split(",") if commands[1] else re.findall(r"^    (\w+)(?: |$)", usage, re.M)
        )
        if words[0] not in known:
            yield f"python -m {module} has no command {words[0]}"
            return
        usage = _help_of(module, (words[0],))
    for option in options:
        if not re.search(rf"{re.escape(option)}(?![\w-])", usage):
            yield f"python -m {module} has no option {option}"


@cache
def _help_of(module: str, command: tuple[str, ...]) -> str:
    out = io.StringIO()
    with (
        patch.object(sys, "argv", [module, *command, "--help"]),
        patch.dict(os.environ, {"COLUMNS": "200"}),
        contextlib.redirect_stdout(out),
        contextlib.suppress(SystemExit),
        warnings.catch_warnings(),
    ):
        # About modules that are imported already: they are run once more, under another name.
        warnings.simplefilter("ignore", RuntimeWarning)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    return out.getvalue()


def _faults_of_script(path: str, arguments: Sequence[str]) -> Iterator[str]:
    script = ROOT / path
    if not script.is_file() or not os.access(script, os.X_OK):
        yield f"there is no script {path}"
    elif path != "scripts/test":  # its arguments go to pytest
        text = script.read_text("utf-8")
        options = [word for word in arguments if word.startswith("--")]
        yield from (f"{path} has no option {one}" for one in options if one not in text)


def faults_of_curl(arguments: Sequence[str]) -> Iterator[str]:
    """What is wrong with a call of the API: its URL, or its body by the contract."""
    method, url, body = call_of(arguments)
    path = re.sub(r"^(https?://)?[^/]+", "", url)
    operation = operation_of(method, path)
    if operation is None:
        yield f"the contract has no operation {method} {path}"
        return
    content = operation.get("requestBody", {}).get("content", {})
    if body is None or body.startswith("@"):
        return
    try:
        jsonschema.validate(json.loads(body), resolved(content["application/json"]["schema"]))
    except (ValueError, jsonschema.ValidationError) as error:
        yield f"the body of {method} {path} is not valid: {str(error).splitlines()[0]}"


def call_of(arguments: Sequence[str]) -> tuple[str, str, str | None]:
    """Method, URL and body of a call by curl; the body is None where there is none."""
    method, url, body = "", "", None
    words = iter(arguments)
    for word in words:
        if word == "-X":
            method = next(words)
        elif word in ("-d", "--data-binary"):
            body = next(words)
        elif word == "-H":
            next(words)
        elif not word.startswith("-"):
            url = word
    return method or ("GET" if body is None else "POST"), url, body


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation of the contract that a call asks for; None where there is none."""
    for known, item in _CONTRACT["paths"].items():
        if re.fullmatch(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(known)), path):
            operation: dict[str, Any] | None = item.get(method.lower())
            return operation
    return None


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of the contract that stands by itself."""
    return {**schema, "components": _CONTRACT["components"]}
