"""Several API processes on one port are one service: real processes, a real Redis."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.supervisor import restart_wait
from tests.support import SCENARIO, Service, running_service, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's SO_REUSEPORT")
TWO = {"AZIMUTH_API_PROCESSES": "2"}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two API processes and a worker."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        running.start_api(**TWO)
        running.start_worker()
        wait_until(lambda: len(listening(running)) == 2, what="both processes")
        yield running


def processes(service: Service) -> list[int]:
    """Process ids of the API processes."""
    assert service.api_child is not None
    pid = service.api_child.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sockets_of(pid: int) -> set[str]:
    """Inodes of the sockets that a process has open."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            links.append(os.readlink(descriptor))
        except OSError:
            continue  # closed meanwhile
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def connections(port: int) -> list[tuple[int, str, str]]:
    """Remote port, state and inode of every socket that is bound to a port of this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [
        (int(row[2].rpartition(":")[2], 16), row[3], row[9])
        for row in rows
        if int(row[1].rpartition(":")[2], 16) == port
    ]


def listening(service: Service) -> set[int]:
    """The API processes that take connections."""
    inodes = {inode for _, state, inode in connections(service.api_port) if state == "0A"}
    return {pid for pid in processes(service) if inodes & sockets_of(pid)}


def client_of(service: Service, pid: int) -> httpx.Client:
    """A client whose one connection leads to a given process."""
    for _ in range(200):
        client = httpx.Client(
            base_url=service.url, timeout=60, limits=httpx.Limits(max_connections=1)
        )
        with client.stream("GET", "/healthz") as answer:
            answer.read()
            stream: socket.socket = answer.extensions["network_stream"].get_extra_info("socket")
            own = stream.getsockname()[1]
        inodes = {inode for port, _, inode in connections(service.api_port) if port == own}
        if inodes & sockets_of(pid):
            return client
        client.close()
    raise AssertionError(f"no connection led to process {pid}")


@pytest.fixture
def clients(two: Service) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A client of each process."""
    first, second = (client_of(two, pid) for pid in sorted(listening(two)))
    yield first, second
    first.close()
    second.close()


def asked(question: str) -> dict[str, Any]:
    return SCENARIO | {"question": question, "attributes": ["helpfulness"]}


def test_an_answer_that_one_process_promised_is_polled_at_the_other(clients):
    first, second = clients
    promised = first.post("/v1/score", json=asked("promised?"), headers={"Prefer": "respond-async"})
    assert promised.status_code == 202

    def done() -> dict[str, Any] | None:
        answer = second.get(promised.headers["location"]).json()
        return answer if answer["status"] == "complete" else None

    polled = wait_until(done, what="the scores at the other process")
    scored = first.post("/v1/score", json=asked("promised?")).json()
    assert scored["cells"][0]["cached"]
    assert polled["cells"][0]["scores"] == scored["cells"][0]["scores"]


def test_scores_of_one_process_are_retargeted_by_the_other(clients):
    first, second = clients
    scored = first.post("/v1/score", json=asked("retarget?")).json()
    body = {"score_set_ids": scored["id"], "targets": {"helpfulness": 1.0}}
    answers = [client.post("/v1/retarget", json=body).json()["pairs"] for client in clients]
    assert answers[0] == answers[1]
    assert second.post("/v1/score", json=asked("retarget?")).json()["cells"][0]["cached"]


def test_a_name_stored_at_one_process_is_known_to_the_other(clients):
    first, second = clients
    body = {"attributes": [{"name": "warmth", "definition": "How warm it sounds."}]}
    assert first.put("/v1/attribute-sets/tone", json=body).status_code == 201
    scored = asked("warm?") | {
        "attribute_set": "tone",
        "attributes": ["warmth"],
        "scoring": {"bank": None},
    }
    assert second.post("/v1/score", json=scored).status_code == 200
    assert second.delete("/v1/attribute-sets/tone").status_code == 204
    wait_until(
        lambda: first.post("/v1/score", json=scored).status_code == 404,
        what="the other process to forget the set",
    )


def test_a_fit_that_one_process_started_is_seen_and_stopped_at_the_other(clients):
    first, second = clients
    body = {"bank": "helpsteer2", "scenarios": 20}
    assert first.put("/v1/calibrations/mine", json=body).status_code == 202
    seen = second.get("/v1/calibrations/mine").json()
    assert seen["name"] == "mine"
    assert second.put("/v1/calibrations/mine", json=body).status_code == 409
    assert second.delete("/v1/calibrations/mine").status_code == 204
    assert first.get("/v1/calibrations/mine").status_code == 404


def requests_counted(client: httpx.Client, operation: str) -> float:
    """Successful requests to an operation by `/metrics`."""
    wanted = f'azimuth_requests_total{{operation="{operation}",status="200"}} '
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


def test_every_process_answers_the_metrics_of_all(clients):
    first, second = clients
    before = requests_counted(first, "list_models")
    for client, times in ((first, 3), (second, 4)):
        for _ in range(times):
            assert client.get("/v1/models").status_code == 200
    assert requests_counted(first, "list_models") == before + 7
    assert requests_counted(second, "list_models") == before + 7
    text = second.get("/metrics").text
    assert "Multiprocess metric" not in text
    assert text.count("# TYPE azimuth_workers gauge") == 1
    assert 'azimuth_workers{state="ready"} 1.0' in text


def test_a_process_that_is_killed_comes_back_and_its_counts_stay(two, clients):
    first, second = clients
    first.get("/v1/models")
    before = requests_counted(second, "list_models")
    dead, alive = sorted(listening(two))
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: dead not in processes(two), what="the process to end")
    # Meanwhile the other takes all connections.
    for _ in range(10):
        assert httpx.get(two.url + "/healthz").status_code == 200
    wait_until(lambda: len(listening(two)) == 2, what="the process to come back")
    assert alive in listening(two)
    with closing(client_of(two, max(listening(two) - {alive}))) as back:
        assert back.post("/v1/score", json=asked("back?")).status_code == 200
        assert requests_counted(back, "list_models") == before
    assert "has ended with status -9" in two.log("api")


def test_sigterm_answers_the_waiting_requests_of_all_processes(service: Service):
    service.start_api(**TWO)
    service.start_worker(AZIMUTH_FAKE_LATENCY_S="60", AZIMUTH_WORKER_CONCURRENCY="1")
    wait_until(lambda: len(listening(service)) == 2, what="both processes")
    pids = sorted(listening(service))
    answers: list[int] = []

    def wait_for_scores(pid: int) -> None:
        with closing(client_of(service, pid)) as client:
            answers.append(client.post("/v1/score", json=asked(f"from {pid}")).status_code)

    waiting = [threading.Thread(target=wait_for_scores, args=(pid,)) for pid in pids]
    for thread in waiting:
        thread.start()
    wait_until(lambda: service.jobs() == 2, what="both jobs")
    assert service.api_child is not None
    service.api_child.process.terminate()
    for thread in waiting:
        thread.join(30)
    assert answers == [202, 202]
    assert service.api_child.process.wait(20) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_processes_end_when_their_supervisor_is_killed(service: Service):
    service.start_api(**TWO)
    wait_until(lambda: len(listening(service)) == 2, what="both processes")
    pids = processes(service)
    assert service.api_child is not None
    os.kill(service.api_child.pid, signal.SIGKILL)
    wait_until(
        lambda: not any(socket_left(service, pid) for pid in pids), what="the processes to end"
    )


def socket_left(service: Service, pid: int) -> bool:
    """Whether a process still takes connections."""
    inodes = {inode for _, state, inode in connections(service.api_port) if state == "0A"}
    return bool(inodes & sockets_of(pid))


def test_a_port_that_is_taken_is_an_error_at_once(service: Service):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        child = service._start(
            "api", "app.main", TWO | {"AZIMUTH_PORT": str(taken.getsockname()[1])}
        )
        assert child.process.wait(30) == 1
    assert "in use" in service.log("api")


def test_the_wait_before_a_restart_grows_with_short_lives_in_a_row():
    assert [restart_wait(failures) for failures in (0, 1)] == [0, 0]
    assert 0.5 <= restart_wait(2) <= 1
    assert 2 <= restart_wait(4) <= 4
    assert 15 <= restart_wait(100) <= 30
