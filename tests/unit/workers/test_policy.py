"""Decisions on jobs and failures."""

import pytest

from app.errors import StoreUnavailable, UnknownBank
from workers.errors import EngineDead, EngineError, EngineOverloaded, EngineUnavailable
from workers.policy import (
    Backoff,
    Bury,
    EndWorker,
    Expire,
    Outages,
    RetryLater,
    Start,
    decide_failure,
    decide_start,
    jittered,
)

BACKOFF = Backoff(1.0, 30.0)


@pytest.mark.parametrize(
    ("left", "attempt", "expected"),
    [
        (100, 1, Start()),
        (0, 3, Start()),
        (-1, 1, Expire()),
        (-1, 9, Expire()),  # expired jobs become no dead letters
    ],
)
def test_a_job_is_started_unless_it_is_too_late(left, attempt, expected):
    decision = decide_start(left_ms=left, attempt=attempt, max_attempts=3)
    assert decision == expected


def test_a_job_that_ended_its_workers_is_given_up():
    decision = decide_start(left_ms=1, attempt=4, max_attempts=3)
    assert isinstance(decision, Bury)
    assert "3 starts" in decision.why


@pytest.mark.parametrize("error", [EngineOverloaded("busy"), EngineUnavailable("away")])
def test_an_outage_is_retried_without_counting_an_attempt(error):
    decision = decide_failure(error, attempt=9, max_attempts=3, retry_s=4)
    assert decision == RetryLater(4, free=True)


@pytest.mark.parametrize("error", [EngineError("odd"), ValueError("bug")])
def test_the_last_attempt_ends_in_a_dead_letter(error):
    decision = decide_failure(error, attempt=2, max_attempts=3, retry_s=1)
    assert decision == RetryLater(1)
    assert isinstance(decide_failure(error, attempt=3, max_attempts=3, retry_s=1), Bury)


def test_a_dead_engine_ends_the_worker_whatever_the_attempt():
    decision = decide_failure(EngineDead("gone"), attempt=3, max_attempts=3, retry_s=1)
    assert decision == EndWorker("gone")


def test_an_unavailable_redis_never_costs_an_attempt():
    decision = decide_failure(StoreUnavailable("away"), attempt=99, max_attempts=3, retry_s=1)
    assert isinstance(decision, RetryLater)
    assert decision.free


def test_a_job_with_an_unknown_bank_is_given_up_at_once():
    error = UnknownBank("no bank")
    assert decide_failure(error, attempt=1, max_attempts=3, retry_s=1) == Bury("no bank")


def test_callers_do_not_see_the_message_of_an_unexpected_error():
    decision = decide_failure(KeyError("/etc/secret"), attempt=3, max_attempts=3, retry_s=1)
    assert isinstance(decision, Bury)
    assert "secret" not in decision.why


def test_waits_double_up_to_the_longest():
    assert [BACKOFF.wait_s(failures) for failures in (1, 2, 3, 6, 10_000)] == [1, 2, 4, 30, 30]


def test_many_jobs_that_fail_in_one_outage_count_as_one():
    outages = Outages(BACKOFF)
    assert [outages.failed(100 + job / 100) for job in range(8)] == [1.0] * 8
    assert outages.in_a_row == 1


def test_each_further_outage_doubles_the_wait_however_many_jobs_fail_in_it():
    outages = Outages(BACKOFF)
    now, waits = 100.0, []
    for _ in range(7):
        waits.append({outages.failed(now + job / 100) for job in range(8)})
        now += max(waits[-1])
    assert waits == [{1}, {2}, {4}, {8}, {16}, {30}, {30}]


def test_an_answer_ends_the_outage():
    outages = Outages(BACKOFF)
    for second in range(0, 100, 10):
        outages.failed(second)
    outages.ended()
    assert outages.failed(100) == 1


def test_jitter_spreads_retries_over_half_of_the_wait():
    assert [jittered(8, draw) for draw in (0, 0.5, 1)] == [4, 6, 8]
