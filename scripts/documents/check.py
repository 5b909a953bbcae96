"""Check the documents: `python -m scripts.documents check`. Called by `scripts/lint`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from app.domain.bank import InvalidLines, parse_bank
from app.schema import Closed
from app.scoring.requests import Scoring
from app.selection.requests import SelectionOptions, SelectRequest
from scripts.documents.commands import ROOT, faults_of_command
from scripts.documents.markdown import Block, Document
from scripts.documents.shell import commands_of

_FOLDERS = ("app", "workers", "docker", "scripts", "tests")
_PATH = re.compile(r"^[\w./-]*/[\w.-]*$")
_MODULE = re.compile(r"^(\.venv/bin/)?python -m (?!.*…)")
_NAME = re.compile(r"^[A-Za-z_][\w.]*$")
_GROUPS: dict[str, type[Closed]] = {"scoring": Scoring, "selection": SelectionOptions}
_OWN_TESTS = "test_documents.py"
_OUTSIDE = {"data/"}
"""Folders that documents name and the project does not have: the benchmark data."""


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    inside = [path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.md")]
    return sorted([*ROOT.glob("*.md"), *inside])


def faults_of(document: Document) -> Iterator[str]:
    """Everything that is wrong with one document."""
    yield from _faults_of_links(document)
    yield from _faults_of_spans(document)
    for block in document.blocks:
        yield from _faults_of_block(block)


def check() -> None:
    """Print what is wrong with the documents and exit with 1, unless nothing is."""
    faults = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in documents()
        for fault in faults_of(Document.read(path))
    ]
    if faults:
        sys.exit("\n".join(faults))
    print("documents: links, names, commands and examples are valid")


def _faults_of_links(document: Document) -> Iterator[str]:
    for link in document.links:
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.path.parent / name).resolve() if name else document.path
        if not target.exists():
            yield f"the link {link} leads to no file"
        elif anchor:
            there = Document.read(target) if name else document
            if anchor not in there.anchors:
                yield f"the link {link} leads to no heading"


def _faults_of_spans(document: Document) -> Iterator[str]:
    """Names of files and modules. Files are named from the root or the document's folder."""
    for span in document.spans:
        if _MODULE.match(span):
            for words in commands_of(span):
                yield from faults_of_command(words)
        elif _is_path(span) and not _is_there(span, document.path.parent):
            yield f"there is no file {span}"
        elif span.startswith('"'):
            yield from _faults_of_member(span)
        elif _NAME.match(span) and not set(span.split(".")) <= _words():
            yield f"there is no {span} in the code"


def _faults_of_member(span: str) -> Iterator[str]:
    """Whether requests to select can have a member, at the top or in one of the groups."""
    request: dict[str, Any] = {"question": "?", "responses": ["a", "b"], "target": {"a": 1}}
    try:
        for name, value in json.loads(f"{{{span}}}").items():
            group = next((g for g, kind in _GROUPS.items() if name in kind.model_fields), None)
            SelectRequest.model_validate(
                request | ({group: {name: value}} if group else {name: value})
            )
    except ValueError as error:
        yield f"{span} is not valid in a request: {' '.join(str(error).split())}"


@cache
def _words() -> frozenset[str]:
    """Every word of the sources, but for the tests of this check."""
    listed = [path for name in _FOLDERS for path in (ROOT / name).rglob("*")]
    sources = [path for path in listed if path.suffix in (".py", ".lua", ".jinja", ".json", ".sh")]
    sources += [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    sources += [ROOT / "docker-compose.yml", ROOT / "pyproject.toml"]
    texts = (path.read_text("utf-8") for path in sources if path.name != _OWN_TESTS)
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


def _is_path(span: str) -> bool:
    """Whether code within a line names a file or folder of the project, not a URL or a model."""
    if not _PATH.match(span) or span.startswith(("/", ".")) or "NAME" in span or span in _OUTSIDE:
        return False
    return span.endswith("/") or bool(re.search(r"\.(py|md|lua|jinja|jsonl?|txt|yml)$", span))


def _is_there(span: str, folder: Path) -> bool:
    if (ROOT / span).exists() or (folder / span).exists():
        return True
    # A table may list folders by their last name.
    return folder != ROOT and span.endswith("/") and any(folder.rglob(span.rstrip("/")))


def _faults_of_block(block: Block) -> Iterator[str]:
    if block.language == "sh":
        try:
            for words in commands_of(block.text):
                yield from faults_of_command(words)
        except ValueError as error:
            yield f"a shell example cannot be read: {error}"
    elif block.language == "python":
        try:
            compile(block.text, "example", "exec")
        except SyntaxError as error:
            yield f"a Python example is not valid: {error}"
    elif block.language == "json":
        yield from _faults_of_json(block.text)


def _faults_of_json(text: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except ValueError as error:
        yield f"a JSON example is not valid: {error}"
        return
    if isinstance(value, dict) and "labels" in value:
        try:
            parse_bank(text.encode())
        except InvalidLines as error:
            yield f"an example of a bank is not valid: {error}"
