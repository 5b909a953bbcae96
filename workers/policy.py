"""Decides what to do with a job, and after a failure. Pure: nothing is done here."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import AzimuthError, StoreUnavailable, UnknownBank
from workers.errors import EngineDead, EngineOverloaded, EngineUnavailable


@dataclass(frozen=True, slots=True)
class Start:
    """Score the job."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Drop the job before it reaches the model: its deadline has passed."""


@dataclass(frozen=True, slots=True)
class Bury:
    """Give the job up: report failure to its callers and keep it as a dead letter."""

    why: str


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Put the job back after a wait."""

    delay_s: float
    free: bool = False
    """Whether the start does not count as an attempt, because the job was not the cause."""


@dataclass(frozen=True, slots=True)
class EndWorker:
    """End this worker; others take over its jobs."""

    why: str


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first_s` to `longest_s`."""

    first_s: float
    longest_s: float

    def wait_s(self, failures: int) -> float:
        """Return the wait after so many failures in a row, counted from 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(max(failures, 1) - 1, 30))


class Outages:
    """Counts the engine's outages in a row.

    Many jobs fail in one outage. All failures within the wait after the first one count as the same
    outage; the next failure after that wait counts as another one.
    """

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._same_until = 0.0
        self.in_a_row = 0

    def failed(self, now: float) -> float:
        """Count a failure at `now` (seconds, monotonic) and return how long to wait."""
        if now >= self._same_until:
            self.in_a_row += 1
            self._same_until = now + self._backoff.wait_s(self.in_a_row)
        return self._backoff.wait_s(self.in_a_row)

    def ended(self) -> None:
        """Note that the engine has answered."""
        self.in_a_row = 0
        self._same_until = 0.0


def jittered(wait_s: float, draw: float) -> float:
    """Spread retries: between half of the wait and all of it, for a `draw` in [0, 1]."""
    return wait_s * (0.5 + draw / 2)


def is_outage(error: Exception) -> bool:
    """Return whether an error says that the engine is away, whatever it was asked."""
    return isinstance(error, EngineOverloaded | EngineUnavailable)


def decide_start(*, left_ms: int, attempt: int, max_attempts: int) -> Start | Expire | Bury:
    """Decide whether to score a claimed job, `left_ms` before its deadline.

    `attempt` is the number of this start, from 1.
    """
    if left_ms < 0:
        return Expire()
    if attempt > max_attempts:
        # Every earlier start ended without a report: most likely the job ended its worker.
        return Bury(f"given up after {max_attempts} starts that were never finished")
    return Start()


def decide_failure(
    error: Exception, *, attempt: int, max_attempts: int, retry_s: float
) -> RetryLater | Bury | EndWorker:
    """Decide what follows from an error in a job's scoring; a retry comes after `retry_s`."""
    if isinstance(error, EngineDead):
        return EndWorker(str(error))
    if isinstance(error, StoreUnavailable):
        # Not the job's fault, and nothing is lost: the lease expires while Redis is away.
        return RetryLater(retry_s, free=True)
    if isinstance(error, UnknownBank):
        return Bury(error.detail)
    if is_outage(error):
        # It will pass; the job's deadline limits how long that may take.
        return RetryLater(retry_s, free=True)
    if attempt >= max_attempts:
        return Bury(f"{plain(error)} (attempt {attempt} of {max_attempts})")
    return RetryLater(retry_s)


def plain(error: Exception) -> str:
    """Describe an error to callers: Azimuth's own by its message, any other by its type only."""
    if isinstance(error, AzimuthError):
        return error.detail
    if type(error).__module__.startswith("workers."):
        return str(error)
    return f"an unexpected error ({type(error).__name__})"
