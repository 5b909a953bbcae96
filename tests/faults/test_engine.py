"""Engines that hang, lose a request, or fail at every job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.faults.record import Record
from tests.support import SCENARIO, Service, wait_until

ONE = SCENARIO | {"attributes": ["helpfulness"]}
LEASE = {"AZIMUTH_WORKER_LEASE_S": "0.9"}


def test_a_worker_whose_model_hangs_in_a_job_ends_and_another_one_does_the_job(
    api: Service, record: Record
) -> None:
    hanging = api.start_worker(
        AZIMUTH_FAKE_FAULTS="hang,hang-check",
        AZIMUTH_WORKER_CANARY_S="1",
        AZIMUTH_WORKER_CANARY_TIMEOUT_S="3",
        **LEASE,
        **record.settings,
    )
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.post, "/v1/score", ONE)
        assert hanging.process.wait(30) == 70
        api.start_worker(ready=False, **LEASE, **record.settings)
        assert answer.result(30).status_code == 200
    assert record.overlaps == []


def test_a_request_that_the_model_lost_is_sent_again(api: Service, record: Record) -> None:
    worker = api.start_worker(
        AZIMUTH_FAKE_FAULTS="hang:0.5",  # of the first four answers the second and the fourth
        AZIMUTH_WORKER_ANSWER_S="0.7",
        **record.settings,
    )
    for number in range(3):
        body = ONE | {"question": f"Are you lost, {number}?"}
        assert api.post("/v1/score", body).status_code == 200
    assert "no answer within 0.7 s" in api.log("worker")
    assert record.overlaps == []
    assert worker.alive()


def test_a_job_whose_answers_never_come_ends_with_an_error_for_its_caller(api: Service) -> None:
    api.start_worker(
        AZIMUTH_FAKE_FAULTS="hang",
        AZIMUTH_WORKER_ANSWER_S="0.2",
        AZIMUTH_WORKER_MAX_ATTEMPTS="2",
    )
    response = api.post("/v1/score", ONE | {"question": "Is anybody there?"})
    assert response.status_code == 502
    assert "no answer within 0.2 s" in response.json()["detail"]
    wait_until(lambda: api.jobs() == 0, what="the end of the job")
