"""How long a fit waits for what it stands on."""

from types import SimpleNamespace

import pytest

from app.calibrations import service
from app.calibrations.service import CalibrationFitter
from app.errors import QueueFull, StoreUnavailable


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Scoring:
    """Gives what a function makes of the time."""

    def __init__(self, clock: Clock, answer) -> None:
        self.clock, self.answer = clock, answer

    async def score(self, planned, patience, request_id):
        outcome = self.answer(self.clock.now)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(service, "time", made)
    monkeypatch.setattr(service.asyncio, "sleep", made.sleep)
    return made


DONE = SimpleNamespace(pending=())


async def outcome_of(clock, answer):
    fitter = CalibrationFitter(None, None, Scoring(clock, answer), None, deadline_s=60)
    return await fitter._score(None)


async def test_a_store_that_is_away_is_waited_for(clock):
    away = StoreUnavailable("Redis does not answer")
    assert await outcome_of(clock, lambda now: away if now < 500 else DONE) is DONE


async def test_one_that_stays_away_is_not_waited_for_for_ever(clock):
    with pytest.raises(StoreUnavailable):
        await outcome_of(clock, lambda now: StoreUnavailable("Redis does not answer"))
    assert 600 < clock.now < 620


async def test_patience_counts_from_the_last_sign_of_life(clock):
    """A queue that is full for an hour is there; a second without Redis then ends nothing."""

    def answer(now):
        if now < 3600:
            return QueueFull("1000 scenarios wait", retry_after_s=5)
        return StoreUnavailable("Redis does not answer") if now < 3630 else DONE

    assert await outcome_of(clock, answer) is DONE
