"""Redis ends, hangs, fills up or is read-only: nobody waits in vain, nothing is scored twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.faults.record import Record
from tests.faults.servers import RedisServer, service_on
from tests.support import SCENARIO, Service, wait_until

FAST = {"AZIMUTH_WORKER_LEASE_S": "0.9", "AZIMUTH_WORKER_STORE_RETRY_S": "0.2"}
ONE = SCENARIO | {"attributes": ["helpfulness"]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that writes its data to disk."""
    made = RedisServer(tmp_path, "--appendonly", "yes")
    yield made
    made.kill()


@pytest.fixture
def service(tmp_path: Path, server: RedisServer) -> Iterator[Service]:
    made = service_on(tmp_path, server.url, server.port)
    made.start_api()
    yield made
    made.close()


def ask(pool: ThreadPoolExecutor, service: Service, count: int) -> list[Future[httpx.Response]]:
    """Ask about `count` scenarios at the same time."""
    bodies = [ONE | {"question": f"Question {number}"} for number in range(count)]
    return [pool.submit(service.post, "/v1/score", body) for body in bodies]


def claimed(service: Service) -> int:
    keys = service.redis.keys("azimuth:jobs:*")
    return sum(service.redis.xpending(key, "workers")["pending"] for key in keys)


def cached(service: Service, body: dict) -> list[bool]:
    return [cell["cached"] for cell in service.post("/v1/score", body).json()["cells"]]


def test_it_restarts_with_its_data(service: Service, server: RedisServer, record: Record) -> None:
    worker = service.start_worker(AZIMUTH_FAKE_LATENCY_S="1", **FAST, **record.settings)
    assert service.post("/v1/score", ONE).status_code == 200
    with ThreadPoolExecutor(6) as pool:
        answers = ask(pool, service, 6)
        wait_until(lambda: claimed(service) == 6, what="all jobs at the worker")
        server.kill()
        time.sleep(1.5)  # longer than the jobs take, and than their leases
        server.start_again()
        statuses = [answer.result(30).status_code for answer in answers]
    assert statuses == [200] * 6
    assert cached(service, ONE) == [True]
    assert set(record.finished.values()) == {1}  # what was answered meanwhile was kept
    assert worker.alive()
    wait_until(lambda: service.jobs() == 0, what="the end of all jobs")


def test_it_is_away_for_ten_seconds(service: Service, server: RedisServer, record: Record) -> None:
    for _ in range(2):
        service.start_worker(AZIMUTH_FAKE_LATENCY_S="4", **FAST, **record.settings)
    with ThreadPoolExecutor(8) as pool:
        answers = ask(pool, service, 6)
        wait_until(lambda: claimed(service) == 6, what="all jobs at the workers")
        os.kill(server.child.pid, signal.SIGSTOP)
        late = pool.submit(service.post, "/v1/score", ONE | {"question": "late"})
        time.sleep(10)
        os.kill(server.child.pid, signal.SIGCONT)
        statuses = [answer.result(40).status_code for answer in answers]
        assert late.result(40).status_code in (200, 503)
    assert statuses == [200] * 6
    assert record.overlaps == []
    wait_until(service.ready, what="readiness")
    assert service.post("/v1/score", ONE | {"question": "later"}).status_code == 200


def test_it_is_full_in_the_middle_of_a_job(
    service: Service, server: RedisServer, record: Record
) -> None:
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="1", **FAST, **record.settings)
    with ThreadPoolExecutor(1) as pool:
        (answer,) = ask(pool, service, 1)
        wait_until(lambda: claimed(service) == 1, what="the job at the worker")
        service.redis.config_set("maxmemory", "1")
        wait_until(lambda: "refusing writes" in service.log("worker"), what="a refusal")
        refused = service.post("/v1/score", ONE | {"question": "too much"})
        service.redis.config_set("maxmemory", "0")
        assert answer.result(20).status_code == 200
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert set(record.finished.values()) == {1}


def test_it_is_a_read_only_replica_until_it_is_promoted(tmp_path: Path) -> None:
    primary = RedisServer(tmp_path)
    replica = RedisServer(tmp_path, "--replicaof", "127.0.0.1", str(primary.port))
    service = service_on(tmp_path, replica.url, replica.port)
    try:
        service.start_api()
        worker = service.start_worker(ready=False, **FAST)
        wait_until(lambda: "read-only replica" in service.log("worker"), what="a clear word")
        with service.client() as client:
            stored = client.put(
                "/v1/attribute-sets/mine",
                json={"attributes": [{"name": "wit", "definition": "How witty it is."}]},
            )
        assert stored.status_code == 503
        assert "read-only replica" in stored.json()["detail"]
        replica.client().execute_command("REPLICAOF", "NO", "ONE")
        wait_until(lambda: service.ready(worker), what="readiness")
        assert service.post("/v1/score", ONE).status_code == 200
    finally:
        service.close()
        primary.kill()
        replica.kill()
