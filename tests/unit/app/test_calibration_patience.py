"""How long a fit waits for a store or a queue that is unavailable."""

from types import SimpleNamespace

import pytest

from app.calibrations.background import evidence
from app.calibrations.background.evidence import EvidenceCollector
from app.errors import QueueFull, StoreUnavailable


class Clock:
    """A clock that advances only in `sleep`."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Scoring:
    """A scoring service whose answer is a function of the time."""

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
    monkeypatch.setattr(evidence, "time", made)
    monkeypatch.setattr(evidence.asyncio, "sleep", made.sleep)
    return made


DONE = SimpleNamespace(pending=())


async def outcome_of(clock, answer):
    collector = EvidenceCollector(Scoring(clock, answer), deadline_s=60)
    return await collector.score(None)


async def test_a_fit_waits_for_the_store(clock):
    away = StoreUnavailable("Redis does not answer")
    assert await outcome_of(clock, lambda now: away if now < 500 else DONE) is DONE


async def test_a_fit_gives_up_after_its_patience(clock):
    with pytest.raises(StoreUnavailable):
        await outcome_of(clock, lambda now: StoreUnavailable("Redis does not answer"))
    assert 600 < clock.now < 620


async def test_patience_restarts_with_every_answer(clock):
    """A full queue is an answer: a short outage of Redis after it does not end the fit."""

    def answer(now):
        if now < 3600:
            return QueueFull("1000 scenarios wait", retry_after_s=5)
        return StoreUnavailable("Redis does not answer") if now < 3630 else DONE

    assert await outcome_of(clock, answer) is DONE
