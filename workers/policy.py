"""What to do with a job, and when something fails: decisions only, nothing is done here."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import AzimuthError, StoreUnavailable, UnknownBank
from workers.engines.base import EngineDead, EngineOverloaded, EngineUnavailable

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class Start:
    """Score it."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Drop it before it reaches the model: nobody waits any more."""


@dataclass(frozen=True, slots=True)
class Bury:
    """Give it up, tell its callers, keep it as a dead letter."""

    why: str


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Put it back after a while."""

    delay_s: float
    free: bool = False
    """Whether the start does not count: the job was not to blame."""


@dataclass(frozen=True, slots=True)
class EndWorker:
    """This worker cannot go on; others take over what it has."""

    why: str


def decide_start(*, left_ms: int, attempt: int, max_attempts: int) -> Start | Expire | Bury:
    """Whether a claimed job is begun, `left_ms` before its deadline. `attempt` counts this start,
    from 1."""
    if left_ms < 0:
        return Expire()
    if attempt > max_attempts:
        # Each start before this one ended without a word: most likely it took its worker along.
        return Bury(f"given up after {max_attempts} starts that did not come to an end")
    return Start()


def decide_failure(
    error: Exception, *, attempt: int, max_attempts: int, failures: int = 0
) -> RetryLater | Bury | EndWorker:
    """What follows from an error that a job's scoring raised.

    `failures` counts the engine's failures in a row: the longer it is away, the longer the waits.
    """
    if isinstance(error, EngineDead):
        return EndWorker(str(error))
    if isinstance(error, StoreUnavailable):
        # Not the job's fault, and it is not lost: the lease runs out while Redis is away.
        return RetryLater(FIRST_RETRY_S, free=True)
    if isinstance(error, UnknownBank):
        return Bury(error.detail)
    if isinstance(error, EngineOverloaded | EngineUnavailable):
        # It passes by itself; the job's deadline says how long that may take.
        return RetryLater(min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(failures, 10)), free=True)
    if attempt >= max_attempts:
        return Bury(f"{plain(error)} (attempt {attempt} of {max_attempts})")
    return RetryLater(FIRST_RETRY_S)


def plain(error: Exception) -> str:
    """An error in words for callers: our own ones speak, others only say their kind."""
    if isinstance(error, AzimuthError):
        return error.detail
    if type(error).__module__.startswith("workers."):
        return str(error)
    return f"an unforeseen error ({type(error).__name__})"
