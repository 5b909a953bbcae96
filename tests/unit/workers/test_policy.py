"""Decisions on jobs and failures."""

import pytest

from app.errors import StoreUnavailable, UnknownBank
from workers.engines.base import EngineDead, EngineError, EngineOverloaded, EngineUnavailable
from workers.policy import (
    LONGEST_RETRY_S,
    Bury,
    EndWorker,
    Expire,
    RetryLater,
    Start,
    decide_failure,
    decide_start,
)


@pytest.mark.parametrize(
    ("left", "attempt", "expected"),
    [
        (100, 1, Start()),
        (0, 3, Start()),
        (-1, 1, Expire()),
        (-1, 9, Expire()),  # nobody waits: no dead letter either
    ],
)
def test_a_job_is_begun_unless_it_is_too_late(left, attempt, expected):
    got = decide_start(left_ms=left, attempt=attempt, max_attempts=3)
    assert got == expected


def test_a_job_that_took_its_workers_along_is_given_up():
    got = decide_start(left_ms=1, attempt=4, max_attempts=3)
    assert isinstance(got, Bury)
    assert "3 starts" in got.why


@pytest.mark.parametrize("error", [EngineOverloaded("busy"), EngineUnavailable("away")])
def test_what_passes_by_itself_is_tried_again_ever_later(error):
    found = [decide_failure(error, attempt=9, max_attempts=3, failures=f) for f in (0, 1, 2, 50)]
    assert [d.delay_s for d in found] == [1, 2, 4, LONGEST_RETRY_S]
    assert all(d.free for d in found)


@pytest.mark.parametrize("error", [EngineError("odd"), ValueError("bug")])
def test_the_last_attempt_ends_in_a_dead_letter(error):
    assert isinstance(decide_failure(error, attempt=3, max_attempts=3), Bury)


def test_a_dead_engine_ends_the_worker_whatever_the_attempt():
    got = decide_failure(EngineDead("gone"), attempt=3, max_attempts=3)
    assert got == EndWorker("gone")


def test_an_absent_redis_never_costs_a_job_its_life():
    got = decide_failure(StoreUnavailable("away"), attempt=99, max_attempts=3)
    assert isinstance(got, RetryLater)


def test_a_bank_that_is_not_there_will_not_be_there_next_time():
    assert decide_failure(UnknownBank("no bank"), attempt=1, max_attempts=3) == Bury("no bank")


def test_callers_do_not_see_the_inside_of_an_unforeseen_error():
    got = decide_failure(KeyError("/etc/secret"), attempt=3, max_attempts=3)
    assert isinstance(got, Bury)
    assert "secret" not in got.why
