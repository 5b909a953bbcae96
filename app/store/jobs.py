"""What the queue answers about jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from app.domain.cells import Cell
from app.domain.job import Job
from app.errors import QueueFull

_RETRY_AFTER_S = 5
_cell = msgspec.json.Decoder(Cell)


class Submission(Struct, frozen=True):
    """The state of requested cells."""

    waiting: tuple[str, ...]
    """Fields that are not scored yet: queued now, or in flight for another request."""
    scored: dict[str, Cell]
    """Field -> cell, for those that were in the cache."""
    queued: bool
    """Whether a job was added for some of them."""
    depth: int
    """Jobs in the stream, waiting or started."""


class ClaimedJob(Struct, frozen=True):
    """A job that one worker holds."""

    entry_id: str
    """Its entry in the stream."""
    job: Job
    """Without the cells that are scored already."""
    attempt: int
    """1 for the first start; until `JobQueue.start`, what it would be."""


class StartedJob(Struct, frozen=True):
    """A job whose start has been counted."""

    claimed: ClaimedJob
    left_ms: int
    """Until its deadline; negative when that has passed."""


class Backlog(Struct, frozen=True):
    """How many jobs a pool has."""

    depth: int
    """Waiting or started."""
    dead: int
    """Given up."""


def submission_of(answer: Any) -> Submission:
    """Read the answer of `submit_job.lua`. Raises `QueueFull`."""
    state, depth, waiting, scored = answer
    if state == b"full":
        raise QueueFull(f"The queue is full ({depth} scenarios).", retry_after_s=_RETRY_AFTER_S)
    return Submission(
        waiting=tuple(field.decode() for field in waiting),
        scored={
            field.decode(): _cell.decode(cell)
            for field, cell in zip(scored[::2], scored[1::2], strict=True)
        },
        queued=state == b"queued",
        depth=depth,
    )


def flat(entries: Any) -> list[Any]:
    """The entries of a stream: RESP3 nests them one list deeper."""
    return entries[0] if entries and isinstance(entries[0], list) else entries


def entries_of(raw: Sequence[Any]) -> list[tuple[str, str]]:
    """Read entries as pairs of entry id and job id."""
    return [(entry.decode(), values[b"job"].decode()) for entry, values in raw if values]
