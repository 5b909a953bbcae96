"""Workers that die and clients that leave while a text is written."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support import Service, wait_until

LEASE = {"AZIMUTH_WORKER_LEASE_S": "0.9"}
SLOW = {"AZIMUTH_FAKE_LATENCY_S": "0.05"}
LONG = {"messages": [{"role": "user", "content": "Write 2000 words."}]}


def events_of(answer: httpx.Response) -> list[tuple[str, dict]]:
    events, name = [], ""
    for line in answer.iter_lines():
        kind, _, value = line.partition(": ")
        name = value if kind == "event" else name
        if kind == "data":
            events.append((name, json.loads(value)))
    return events


def test_a_worker_is_killed_while_it_writes_and_another_begins_the_text_anew(api: Service) -> None:
    body = {"messages": [{"role": "user", "content": "Write 60 words."}], "stream": True}
    worker = api.start_worker(**LEASE, **SLOW)

    def listen() -> list[tuple[str, dict]]:
        with api.client() as client, client.stream("POST", "/v1/generate", json=body) as answer:
            return events_of(answer)

    with ThreadPoolExecutor(1) as pool:
        events = pool.submit(listen)
        wait_until(lambda: began(api), what="the first words")
        worker.kill()
        api.start_worker(ready=False, **LEASE)
        heard = events.result(60)
    assert heard[-1][0] == "done"
    (text,) = heard[-1][1]["texts"]
    last = max((i for i, (kind, _) in enumerate(heard) if kind == "restart"), default=-1)
    parts = [data["text"] for kind, data in heard[last + 1 :] if kind == "text"]
    assert "".join(parts) == text["text"]
    assert len(text["text"].split()) == 60


@pytest.mark.parametrize("stream", [True, False])
def test_a_text_whose_client_leaves_is_stopped_at_once(api: Service, stream: bool) -> None:
    api.start_worker(**SLOW)
    content = json.dumps(LONG | {"stream": stream}).encode()
    head = f"POST /v1/generate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n"
    with socket.create_connection(("127.0.0.1", api.api_port)) as connection:
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + content)
        wait_until(lambda: began(api), what="the text at the worker")
    wait_until(lambda: api.jobs() == 0, what="the end of the job")
    assert not api.redis.keys("azimuth:inflight:*")
    worker = api.children[-1]
    wait_until(lambda: "nobody waits for it" in worker.last_lines(40), what="the worker's stop")


def test_a_text_that_is_not_done_by_its_deadline_is_stopped(api: Service) -> None:
    api.start_worker(**SLOW)
    answer = api.post("/v1/generate", LONG | {"deadline_s": 1.0})
    assert answer.status_code == 504, answer.text
    wait_until(lambda: api.jobs() == 0, what="the end of the job")


def began(service: Service) -> bool:
    jobs = service.redis.keys("azimuth:job:*")
    return any(service.redis.hget(key, "attempts") == "1" for key in jobs)
