"""Prompts as the worker gives them to its engine, and what putting them to a model took."""

from __future__ import annotations

from collections.abc import Sequence
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
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
            leader = int((status.parent / "stat").read_text().rpartition(")")[2].split()[2])
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if leader == group and "VmHWM" in fields:
            total += int(fields["VmHWM"].split()[0])
    return total / 1024
