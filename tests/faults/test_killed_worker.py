"""A worker is killed at each step of a job: another one does the rest, and nothing twice."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from tests.faults.proxy import Proxy, script_call
from tests.faults.record import Record
from tests.support import SCENARIO, Service, wait_until

LEASE = {"AZIMUTH_WORKER_LEASE_S": "0.9"}
ATTRIBUTES = ["helpfulness", "correctness"]


def held(request: bytes, when: str, answer: bytes = b"") -> Callable[[Proxy], Callable[[], bool]]:
    """A step at which a request to Redis is on its way; tells whether it is reached."""
    return lambda proxy: proxy.hold(request, when, answer).is_set


STEPS = {
    "it is claimed, and the worker has not heard": held(b"XREADGROUP", "after", b"job"),
    "it is claimed": held(b"HGETALL", "before"),
    "it is read": held(script_call("start_job"), "before"),
    "it is started, and the worker has not heard": held(script_call("start_job"), "after"),
    "its lease is renewed": held(script_call("renew_lease"), "before"),
    "its first scores are about to be stored": held(script_call("settle_cells"), "before"),
    "its first scores are stored": held(script_call("settle_cells"), "after"),
    "its scores are stored and it is about to be acknowledged": held(b"XACK", "before"),
    "it is acknowledged, and the worker has not heard": held(b"XACK", "after"),
}


@contextlib.contextmanager
def asking(service: Service, body: dict) -> Iterator[Future[httpx.Response]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(service.post, "/v1/score", body)


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_is_killed_when(step: str, api: Service, proxy: Proxy, record: Record) -> None:
    settings = LEASE | record.settings | {"AZIMUTH_FAKE_LATENCY_S": "0.5"}
    worker = api.start_worker(**settings, REDIS_URL=proxy.url)
    reached = STEPS[step](proxy)
    with asking(api, SCENARIO | {"question": step, "attributes": ATTRIBUTES}) as answer:
        wait_until(reached, timeout_s=10, what=step)
        worker.kill()
        api.start_worker(ready=False, **settings)
        response = answer.result(20)
    assert response.status_code == 200
    assert response.json()["status"] == "complete"
    wait_until(lambda: api.jobs() == 0, what="the end of the job")
    for kept in ("job", "inflight", "dead"):
        assert not api.redis.keys(f"azimuth:{kept}:*")
    assert record.overlaps == []
    # What was stored is not asked again, what was not is asked once more at most.
    assert len(record.finished) == len(ATTRIBUTES)
    assert max(record.finished.values()) <= 2


def test_a_worker_is_killed_when_it_looks_for_the_examples_of_a_job(
    api: Service, proxy: Proxy, record: Record
) -> None:
    """The job waits for a bank, which the worker is about to read."""
    settings = LEASE | record.settings
    worker = api.start_worker(**settings, REDIS_URL=proxy.url)
    reading = proxy.hold(b"azimuth:bank-data:", "before")
    labels = [{"helpfulness": 1}, {"helpfulness": 0}]
    line = {"id": "1", "question": "Why?", "responses": ["Because.", "No."], "labels": labels}
    with api.client() as client:
        assert client.put("/v1/banks/new", content=json.dumps(line)).status_code == 200
    body = SCENARIO | {"attributes": ["helpfulness"], "scoring": {"bank": "new"}}
    with asking(api, body) as answer:
        wait_until(lambda: started(api) == ["1"] and reading.is_set(), what="the search")
        worker.kill()
        api.start_worker(ready=False, **settings)
        assert answer.result(20).status_code == 200
    assert set(record.begun.values()) == {1}


def started(service: Service) -> list[str]:
    """How often each job was started."""
    return [service.redis.hget(key, "attempts") for key in service.redis.keys("azimuth:job:*")]
