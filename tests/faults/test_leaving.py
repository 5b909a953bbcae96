"""Callers that leave, and processes that end while callers wait."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.record import Record
from tests.support import SCENARIO, Service, wait_until

ONE = SCENARIO | {"attributes": ["helpfulness"]}
LEASE = {"AZIMUTH_WORKER_LEASE_S": "0.9"}
ASYNC = {"Prefer": "respond-async"}


@contextlib.contextmanager
def caller(service: Service, body: dict) -> Iterator[None]:
    """A client that asks, and leaves at the end without having read an answer."""
    content = json.dumps(body).encode()
    head = f"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n"
    with socket.create_connection(("127.0.0.1", service.api_port)) as connection:
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + content)
        yield


def waiters(service: Service) -> list[int]:
    """How many wait for each job."""
    jobs = [service.redis.hkeys(key) for key in service.redis.keys("azimuth:job:*")]
    return sorted(sum(field.startswith("waiter:") for field in fields) for fields in jobs)


@pytest.fixture
def busy(api: Service, record: Record) -> Service:
    """A worker that takes one job at a time, and has one for long."""
    slow = {"AZIMUTH_FAKE_LATENCY_S": "60", "AZIMUTH_WORKER_CONCURRENCY": "1"}
    api.start_worker(**slow, **LEASE, **record.settings)
    api.post("/v1/score", ONE | {"question": "The first one"}, ASYNC)
    wait_until(lambda: len(record.begun) == 1, what="the first job")
    return api


def relieve(service: Service, record: Record) -> None:
    """Start a fast worker in the place of the slow one."""
    service.children[-1].kill()
    service.start_worker(ready=False, **LEASE, **record.settings)


def test_work_that_nobody_waits_for_any_more_is_dropped(busy: Service, record: Record) -> None:
    body = ONE | {"question": "Never mind."}
    with caller(busy, body):
        wait_until(lambda: busy.jobs() == 2, what="the second job")
    wait_until(lambda: busy.jobs() == 1, what="the end of the second job")
    assert len(busy.redis.keys("azimuth:inflight:*")) == 1
    assert len(busy.redis.keys("azimuth:job:*")) == 1
    relieve(busy, record)
    assert busy.post("/v1/score", body).status_code == 200  # it can be asked for again


def test_work_that_others_wait_for_goes_on(busy: Service, record: Record) -> None:
    joined, polled = ONE | {"question": "Together?"}, ONE | {"question": "Later?"}
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(busy.post, "/v1/score", joined)
        location = busy.post("/v1/score", polled, ASYNC).headers["location"]
        with caller(busy, joined), caller(busy, polled):
            wait_until(lambda: waiters(busy) == [1, 2, 2], what="two callers for each job")
        wait_until(lambda: waiters(busy) == [1, 1, 1], what="their leaving")
        assert busy.jobs() == 3
        relieve(busy, record)
        assert other.result(30).status_code == 200
        with busy.client() as client:
            wait_until(
                lambda: client.get(location).json()["status"] == "complete", what="the scores"
            )


def test_work_that_has_begun_is_finished_and_cached(api: Service, record: Record) -> None:
    api.start_worker(AZIMUTH_FAKE_LATENCY_S="1.5", **record.settings)
    body = ONE | {"question": "Have you begun?"}
    with caller(api, body):
        wait_until(lambda: record.begun, what="the job at the worker")
    wait_until(lambda: record.finished, what="the scores")
    assert [cell["cached"] for cell in api.post("/v1/score", body).json()["cells"]] == [True]
    assert set(record.begun.values()) == {1}


def test_clients_of_a_killed_api_ask_again_and_nothing_is_scored_twice(
    api: Service, record: Record
) -> None:
    api.start_worker(AZIMUTH_FAKE_LATENCY_S="2", **record.settings)
    bodies = [ONE | {"question": f"Are you there, {number}?"} for number in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(api.post, "/v1/score", body) for body in bodies * 2]
        wait_until(lambda: len(record.begun) == 4, what="all jobs at the worker")
        assert api.api_child is not None
        api.api_child.kill()
        assert all(answer.exception(10) is not None for answer in answers)
        api.start_api()
        api.client().close()
        again = list(pool.map(lambda body: api.post("/v1/score", body), bodies * 2))
    assert {answer.status_code for answer in again} == {200}
    assert set(record.begun.values()) == {1}


def test_sigterm_drains_the_api_and_the_worker(api: Service, record: Record) -> None:
    """What is under way is answered: with scores, or with a URL to poll at another API process."""
    worker = api.start_worker(AZIMUTH_FAKE_LATENCY_S="1", **record.settings)
    bodies = [ONE | {"question": f"Are you leaving, {number}?"} for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(api.post, "/v1/score", body) for body in bodies]
        wait_until(lambda: len(record.begun) == 6, what="all jobs at the worker")
        worker.process.terminate()
        assert api.api_child is not None
        api.api_child.process.terminate()
        responses = [answer.result(20) for answer in answers]
        assert api.api_child.process.wait(15) in (0, -signal.SIGTERM)
        assert worker.process.wait(15) == 0
    assert {response.status_code for response in responses} <= {200, 202}
    api.start_api()
    with api.client() as client:
        for response in responses:
            if response.status_code == 202:
                found = client.get(response.headers["location"])
                assert found.json()["status"] == "complete"
    assert api.jobs() == 0
    assert set(record.finished.values()) == {1}
