"""Failures: killed processes lose no acknowledged scores, and every caller gets an answer."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

from tests.support import SCENARIO, wait_until

LEASE = {"AZIMUTH_WORKER_LEASE_S": "1"}


def in_flight(service) -> bool:
    """Whether any worker has claimed a job."""
    return any(
        service.redis.xpending(key, "workers")["pending"]
        for key in service.redis.keys("azimuth:jobs:*")
    )


def in_flight_at(service, worker) -> bool:
    """Whether this worker has claimed a job."""
    return any(
        f"-{worker.pid}-" in consumer["name"] and consumer["pending"]
        for key in service.redis.keys("azimuth:jobs:*")
        for consumer in service.redis.xinfo_consumers(key, "workers")
    )


def test_a_job_survives_a_killed_worker(service):
    service.start_api()
    worker = service.start_worker(AZIMUTH_FAKE_LATENCY_S="30", **LEASE)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        wait_until(lambda: in_flight(service))
        os.kill(worker.pid, signal.SIGKILL)
        worker.process.wait(5)
        service.start_worker(ready=False, **LEASE)
        response = answer.result(40)
    assert response.status_code == 200
    assert response.json()["status"] == "complete"
    assert "took over a job" in service.log("worker")
    assert service.jobs() == 0


def starts(service) -> list[int]:
    """Number of times that each job has been started."""
    counts = (service.redis.hget(key, "attempts") for key in service.redis.keys("azimuth:job:*"))
    return sorted(int(count) for count in counts if count is not None)


def test_jobs_not_restarted_by_a_killed_worker_are_not_given_up(service):
    """Jobs started before are retried one at a time, to find the one that kills the worker."""
    service.start_api()
    slow = LEASE | {"AZIMUTH_FAKE_LATENCY_S": "60", "AZIMUTH_WORKER_MAX_ATTEMPTS": "2"}
    worker = service.start_worker(**slow)
    sets = []
    for number in range(4):
        body = SCENARIO | {"question": f"q{number}", "attributes": ["helpfulness"]}
        asked = service.post("/v1/score", body, {"Prefer": "respond-async"})
        sets.append(asked.headers["location"])
    wait_until(lambda: starts(service) == [1, 1, 1, 1], what="the first starts")
    worker.kill()
    worker = service.start_worker(**slow)
    wait_until(lambda: starts(service) == [1, 1, 1, 2], what="one start more")
    wait_until(lambda: in_flight_at(service, worker), what="the jobs that were taken over")
    worker.kill()
    service.start_worker(**LEASE, AZIMUTH_WORKER_MAX_ATTEMPTS="2")
    wait_until(lambda: service.jobs() == 0, what="the end of all jobs")
    with service.client() as client:
        states = sorted(client.get(path).json()["status"] for path in sets)
    assert states == ["complete", "complete", "complete", "partial"]


def test_another_running_worker_takes_over(service):
    service.start_api()
    slow = service.start_worker(AZIMUTH_FAKE_LATENCY_S="30", **LEASE)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        wait_until(lambda: in_flight(service))
        service.start_worker(**LEASE)
        os.kill(slow.pid, signal.SIGKILL)
        assert answer.result(30).status_code == 200


def test_a_long_job_is_not_taken_from_a_live_worker(service):
    service.start_api()
    lease = {"AZIMUTH_WORKER_LEASE_S": "3"}
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="7", **lease)
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="7", **lease)
    assert service.post("/v1/score", SCENARIO).status_code == 200
    assert "took over" not in service.log("worker")
    # The answer is sent when the scores are saved; the end of the job is logged later.
    wait_until(lambda: '"job done"' in service.log("worker"), what="the end of the job")
    assert service.log("worker").count('"job done"') == 1


def test_a_stopped_worker_finishes_its_job(service):
    service.start_api()
    worker = service.start_worker(AZIMUTH_FAKE_LATENCY_S="1")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        wait_until(lambda: in_flight(service))
        worker.process.terminate()
        assert answer.result(20).status_code == 200
    assert worker.process.wait(10) == 0


def test_a_worker_without_time_to_drain_returns_its_job_at_once(service):
    service.start_api()
    patient = {"AZIMUTH_WORKER_LEASE_S": "60", "AZIMUTH_WORKER_DRAIN_S": "0"}
    worker = service.start_worker(AZIMUTH_FAKE_LATENCY_S="30", **patient)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        wait_until(lambda: in_flight(service))
        worker.process.terminate()
        worker.process.wait(10)
        service.start_worker(ready=False, **patient)
        assert answer.result(20).status_code == 200  # long before the lease of 60 s


def test_a_job_that_kills_its_workers_ends_in_dead_letters_and_its_caller_gets_an_error(service):
    service.start_api()
    settings = LEASE | {"AZIMUTH_FAKE_FAULTS": "dead", "AZIMUTH_WORKER_MAX_ATTEMPTS": "2"}
    with ThreadPoolExecutor(1) as pool:
        worker = service.start_worker(**settings)
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        for _ in range(2):
            assert worker.process.wait(20) == 70
            worker = service.start_worker(ready=False, **settings)
        response = answer.result(30)
    assert response.status_code == 502
    assert response.json()["type"] == "/problems/cells-unscored"
    (dead,) = service.redis.keys("azimuth:dead:*")
    ((_, letter),) = service.redis.xrange(dead)
    assert "2 starts" in letter["why"]
    assert json.loads(letter["body"])["scenario"]["question"] == SCENARIO["question"]
    assert service.jobs() == 0


def test_a_permanently_overloaded_engine_ends_in_a_deadline_not_a_dead_letter(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="overloaded", AZIMUTH_WORKER_MAX_ATTEMPTS="2")
    response = service.post("/v1/score", SCENARIO | {"deadline_s": 4})
    assert response.status_code == 504
    wait_until(lambda: service.jobs() == 0)
    assert service.redis.keys("azimuth:dead:*") == []


def test_a_temporarily_overloaded_engine_only_takes_longer(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="overloaded:0.3")
    response = service.post("/v1/score", SCENARIO)
    assert response.status_code == 200
    assert response.json()["status"] == "complete"


def test_a_job_that_crashes_engines_does_not_fail_other_jobs(service):
    """Retried one at a time, only the job that crashes the engine uses up its attempts."""
    service.start_api()
    settings = LEASE | {"AZIMUTH_WORKER_MAX_ATTEMPTS": "2", "AZIMUTH_FAKE_FAULTS": "dead-word"}
    with ThreadPoolExecutor(5) as pool:
        worker = service.start_worker(AZIMUTH_FAKE_LATENCY_S="0.5", **settings)
        questions = ["fine 1", "fine 2", "POISON", "fine 3", "fine 4"]
        answers = [
            pool.submit(service.post, "/v1/score", SCENARIO | {"question": q}) for q in questions
        ]
        for _ in range(6):
            wait_until(lambda: not worker.alive() or all(a.done() for a in answers))  # noqa: B023
            if all(a.done() for a in answers):
                break
            worker = service.start_worker(ready=False, AZIMUTH_FAKE_LATENCY_S="0.5", **settings)
        statuses = {q: a.result(30).status_code for q, a in zip(questions, answers, strict=True)}
    assert statuses.pop("POISON") == 502
    assert set(statuses.values()) == {200}


def test_a_busy_engine_is_not_mistaken_for_a_hanging_one(service):
    service.start_api()
    worker = service.start_worker(
        AZIMUTH_FAKE_FAULTS="hang-check",
        AZIMUTH_FAKE_LATENCY_S="0.2",
        AZIMUTH_WORKER_CANARY_S="0.1",
        AZIMUTH_WORKER_CANARY_TIMEOUT_S="3",
    )
    for i in range(20):
        service.post("/v1/score", SCENARIO | {"question": f"busy {i}"})
    assert worker.alive()


def test_a_worker_with_a_hanging_model_exits_to_be_restarted(service):
    service.start_api()
    worker = service.start_worker()
    assert worker.alive()
    hung = service.start_worker(
        AZIMUTH_FAKE_FAULTS="hang-check",
        AZIMUTH_WORKER_CANARY_S="0.2",
        AZIMUTH_WORKER_CANARY_TIMEOUT_S="0.5",
    )
    assert hung.process.wait(20) == 70


def test_a_redis_that_rejects_writes_is_a_503_and_does_not_end_the_worker(service):
    service.start_api()
    worker = service.start_worker()
    service.redis.config_set("maxmemory", "1")
    wait_until(lambda: "refusing writes" in service.log("worker"), what="the worker's notice")
    response = service.post("/v1/score", SCENARIO)
    assert response.status_code == 503
    assert response.json()["type"] == "/problems/store-unavailable"
    service.redis.config_set("maxmemory", "0")
    wait_until(lambda: service.ready(worker), what="recovery")
    assert service.post("/v1/score", SCENARIO).status_code == 200


def test_graceful_restarts_do_not_count_as_attempts_of_a_job(service):
    service.start_api()
    settings = {"AZIMUTH_WORKER_DRAIN_S": "0", "AZIMUTH_WORKER_MAX_ATTEMPTS": "2"}
    with ThreadPoolExecutor(1) as pool:
        answer = None
        for _ in range(3):
            worker = service.start_worker(
                ready=answer is None, AZIMUTH_FAKE_LATENCY_S="30", **settings
            )
            answer = answer or pool.submit(service.post, "/v1/score", SCENARIO)
            wait_until(lambda: in_flight_at(service, worker))  # noqa: B023
            worker.process.terminate()
            worker.process.wait(10)
        service.start_worker(ready=False, **settings)
        assert answer.result(30).status_code == 200


def test_a_worker_whose_model_hangs_in_warm_up_can_be_stopped(service):
    worker = service.start_worker(ready=False, AZIMUTH_FAKE_FAULTS="hang-warm-up")
    wait_until(
        lambda: any("warming up" in one for one in service.redis.hvals("azimuth:workers")),
        what="the warm-up",
    )
    worker.process.terminate()
    assert worker.process.wait(10) == 0


def test_a_worker_whose_model_does_not_respond_after_loading_exits(service):
    worker = service.start_worker(
        ready=False, AZIMUTH_FAKE_FAULTS="hang-warm-up", AZIMUTH_WORKER_WARM_UP_S="0.2"
    )
    assert worker.process.wait(20) == 70
    assert "did not answer within 0.2 s" in service.log("worker")


def test_a_stopped_api_answers_waiting_requests_with_a_url_to_poll(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="20")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        wait_until(lambda: in_flight(service))
        service.api_child.process.terminate()
        response = answer.result(10)
    assert response.status_code == 202
    assert response.headers["location"]


def test_an_unreadable_notice_is_ignored(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="1")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        wait_until(lambda: in_flight(service))
        service.redis.publish("azimuth:notices", '{"type":"from the future"}')
        assert answer.result(10).status_code == 200


def test_identical_requests_with_failing_cells_are_all_answered(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_FAULTS="invalid")
    body = SCENARIO | {"target": {"helpfulness": 1}}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: service.post("/v1/select", body), range(40)))
    assert {a.status_code for a in answers} == {502}


def test_without_a_worker_cached_scores_are_served_and_others_are_a_503(service):
    service.start_api()
    worker = service.start_worker()
    service.post("/v1/score", SCENARIO)
    worker.process.terminate()
    worker.process.wait(10)
    assert service.post("/v1/score", SCENARIO).status_code == 200
    response = service.post("/v1/score", SCENARIO | {"question": "new"})
    assert response.status_code == 503
    assert response.json()["type"] == "/problems/model-not-ready"
    assert response.headers["retry-after"]


def test_a_request_before_the_first_worker_is_a_503_with_the_reason(service):
    service.start_api()
    response = service.post("/v1/score", SCENARIO)
    assert response.status_code == 503
    assert "no worker" in response.json()["detail"]


def test_an_unavailable_redis_is_a_503_and_the_service_recovers(service):
    service.start_api()
    service.start_worker()
    service.redis_child.kill()
    response = service.post("/v1/score", SCENARIO)
    assert response.status_code == 503
    assert response.json()["type"] == "/problems/store-unavailable"
    with service.client() as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").json()["redis"]["state"] == "away"
    service.start_redis()  # without the previous data
    wait_until(lambda: service.ready(), what="recovery")
    assert service.post("/v1/score", SCENARIO).status_code == 200


def test_a_hanging_redis_is_reported_while_it_hangs(service):
    """A probe gives up after a few seconds, so the answer must come sooner."""
    service.start_api()
    service.start_worker()
    with service.client(timeout_s=8) as client:
        assert "azimuth_dead_letter_jobs{" in client.get("/metrics").text
        os.kill(service.redis_child.pid, signal.SIGSTOP)
        try:
            ready = client.get("/readyz")
            metrics = client.get("/metrics")
        finally:
            os.kill(service.redis_child.pid, signal.SIGCONT)
    assert ready.status_code == 503
    assert ready.json()["redis"]["state"] == "away"
    assert metrics.status_code == 200
    # Metrics are omitted rather than stale.
    for gauge in ("azimuth_workers", "azimuth_queue_jobs", "azimuth_dead_letter_jobs"):
        assert gauge + "{" not in metrics.text
    wait_until(lambda: service.ready(), what="recovery")


def test_a_waiting_caller_gets_scores_after_redis_restarts_empty(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="3", **LEASE)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        wait_until(lambda: in_flight(service))
        service.redis_child.kill()
        service.start_redis()
        response = answer.result(50)
    assert response.status_code == 200
    assert response.json()["status"] == "complete"


def test_scores_of_a_job_survive_a_killed_api(service):
    service.start_api()
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="1")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(service.post, "/v1/score", SCENARIO)
        wait_until(lambda: in_flight(service))
        service.api_child.kill()
        assert answer.exception(10) is not None
    service.start_api()
    wait_until(lambda: service.jobs() == 0)
    assert all(c["cached"] for c in service.post("/v1/score", SCENARIO).json()["cells"])
