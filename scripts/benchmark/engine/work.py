"""Prompts as the worker gives them to its engine, and what putting them to a model took."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct


class Work(Struct, frozen=True):
    """One prompt."""

    token_ids: tuple[int, ...]
    text: str
    """The last turn of the conversation, which names the scenario."""
    schema: dict[str, Any]
    max_tokens: int


class Measured(Struct, frozen=True):
    """What some prompts took."""

    seconds: float
    prompts: int
    prompt_tokens: int
    cached_prompt_tokens: int
    """Part of `prompt_tokens` that came from the prefix cache."""
    output_tokens: int
    setup_s: float = 0.0
    """Seconds before the first prompt, which `seconds` does not have: compiling a schema."""
    cpu_s: float = 0.0
    """Processor time of all processes that took part. Other work on the machine changes it less
    than `seconds`."""
    memory_mb: float = 0.0
    """Highest resident memory of the processes that run the model."""


def write_work(path: Path, work: Sequence[Work]) -> None:
    """Write prompts as JSON."""
    path.write_bytes(msgspec.json.encode(work))


def read_work(path: Path) -> list[Work]:
    """Read prompts, from JSON or from the JSON Lines of `recording`."""
    content = path.read_bytes()
    if content.startswith(b"["):
        return msgspec.json.decode(content, type=list[Work])
    return msgspec.json.Decoder(Work).decode_lines(content)


def about(work: Sequence[Work], question: str, responses: Sequence[str]) -> list[Work]:
    """The prompts about one scenario."""
    return [one for one in work if all(text in one.text for text in (question, *responses))]


def peak_memory_mb(group: int) -> float:
    """Highest resident memory of each process of a process group, added up (Linux)."""
    total = 0
    for folder, _ in _processes(group):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found = re.search(r"^VmHWM:\s+(\d+) kB", (folder / "status").read_text(), re.MULTILINE)
            total += int(found[1]) if found else 0
    return total / 1024


def processor_seconds(*groups: int) -> float:
    """Processor time that the processes of some process groups have used so far (Linux)."""
    ticks = sum(
        int(fields[11]) + int(fields[12]) for group in groups for _, fields in _processes(group)
    )
    return ticks / os.sysconf("SC_CLK_TCK")


def _processes(group: int) -> Iterator[tuple[Path, list[str]]]:
    """The folder of each process of a group, and the fields of its `stat` after its name."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                yield stat.parent, fields
