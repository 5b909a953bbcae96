"""What the queue answers about jobs."""

from __future__ import annotations

from msgspec import Struct

from app.domain.cells import Cell
from app.domain.job import Job


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
