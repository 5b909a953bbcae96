"""No text of a question, a candidate or a reasoning is in a log, unless that is asked for."""

import contextlib
import json
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from scripts.serve.processes import free_port
from tests.odd_endpoint import Endpoint, refusal
from tests.support import running_service, wait_until

MARKS = {
    "question": "Wherefore do zebras hum at the quarry?",
    "candidate": "Ask the ferryman about copper lanterns.",
    "other candidate": 'They "hum" – sagt der Müller –\nbecause of pollen.',
    "reasoning": "The lantern reply is vague but warm in tone.",
}
QUESTION, CANDIDATE, OTHER, REASONING = MARKS.values()


class Echo(Endpoint):
    """An endpoint that quotes what it was sent wherever it can."""

    def refuses(self, body):
        sent = body["messages"][-1]["content"]
        if "refuse" in sent:
            return refusal(400, f"Invalid content: {json.dumps(sent)}", param=sent)
        if "break" in sent:
            return refusal(500, f"Cannot process: {sent!r}")
        return None

    def writes(self, body):
        sent = body["messages"][-1]["content"]
        if "odd form" in sent:
            return {"choices": [{"text": 7, "thoughts": REASONING, "prompt": sent}]}
        if "no json" in sent:
            return {"choices": [self.choice(f"{REASONING} {sent}")], "usage": {}}
        return super().writes(body)

    def choice(self, text):
        return super().choice(text.replace("It says so.", REASONING))


@contextlib.contextmanager
def served(endpoint: Endpoint) -> Iterator[str]:
    port = free_port()
    config = uvicorn.Config(endpoint.app(), host="127.0.0.1", port=port, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, what="the endpoint")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join()


def body(question=QUESTION, **more):
    responses = [{"id": "a", "text": CANDIDATE}, {"id": "b", "text": OTHER}]
    return {
        "question": question,
        "responses": responses,
        "attributes": ["helpfulness"],
        "target": {"helpfulness": 1.0},
        "scoring": {"bank": None},
        **more,
    }


def use(client: httpx.Client) -> None:
    """Send requests with the marked texts along paths of success and of failure."""

    def statuses(*bodies):
        return [client.post("/v1/select", json=one).status_code for one in bodies]

    assert statuses(body(), body(), body(hostile="flag")) == [200, 200, 200]
    failing = [body(f"{QUESTION} {word}") for word in ("refuse", "odd form", "no json", "break")]
    short = {"deadline_s": 3}  # a status of 500 passes: it is retried until the deadline
    assert statuses(*failing[:3], failing[3] | short) == [502, 502, 502, 504]
    assert statuses(
        body(seed=1),
        body(target={CANDIDATE: 1}),
        body(attributes=[CANDIDATE]),
        body(scoring={"model": CANDIDATE}),
        body(responses=[CANDIDATE, 5]),
    ) == [422, 422, 422, 404, 422]
    assert client.post("/v1/select", content=f'{{"{QUESTION}": "{CANDIDATE}'.encode()).is_error
    too_long = body(responses=[CANDIDATE * 2000, OTHER])
    assert client.post("/v1/select", json=too_long).status_code == 422
    line = {"id": "x", "question": QUESTION, "responses": [CANDIDATE], "labels": [{"a": CANDIDATE}]}
    assert client.put("/v1/banks/b", content=json.dumps(line)).status_code == 422


@pytest.mark.parametrize("asked_for", [False, True])
def test_texts_are_in_the_logs_only_where_they_are_asked_for(asked_for, tmp_path):
    settings = {"AZIMUTH_LOG_TEXTS": str(asked_for).lower(), "AZIMUTH_LOG_LEVEL": "debug"}
    with served(Echo()) as url, running_service(tmp_path) as service:
        service.start_api(**settings)
        service.start_worker(
            **settings,
            AZIMUTH_ENGINE="openai",
            AZIMUTH_OPENAI_URL=url,
            AZIMUTH_OPENAI_PROMPT="chat",
            AZIMUTH_MODEL="m",
            AZIMUTH_WORKER_MAX_RETRY_S="1",
        )
        with service.client() as client:
            use(client)
        wait_until(lambda: "job expired" in service.log("worker"), what="the last job")
        logs = {name: service.log(name) for name in ("api", "worker")}
    assert "POST /v1/select 502" in logs["api"]
    assert "job failed" in logs["worker"]
    for name, log in logs.items():
        for mark, text in MARKS.items():
            parts = [text[start : start + 12] for start in range(0, len(text) - 12, 6)]
            found = [part for part in parts if part in log]
            if not asked_for:
                assert found == [], (name, mark)
            elif "\n" not in text and (name, mark) != ("api", "reasoning"):
                assert found == parts, (name, mark)
