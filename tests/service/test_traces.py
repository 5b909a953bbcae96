"""Traces reach an OpenTelemetry collector, from the caller over the queue to the worker."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support import SCENARIO, wait_until

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "the secret recipe"


class Collector:
    """An endpoint that keeps the spans it receives, by the name of the service."""

    def __init__(self) -> None:
        spans = self.spans = []
        self.bodies = bodies = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                bodies.append(body)
                for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                    named = {a.key: a.value.string_value for a in part.resource.attributes}
                    for scope in part.scope_spans:
                        spans.extend((named["service.name"], span) for span in scope.spans)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def span(self, service: str, name: str):
        return next((s for own, s in self.spans if (own, s.name) == (service, name)), None)


@pytest.fixture
def collector():
    running = Collector()
    yield running
    running.server.shutdown()
    running.server.server_close()


def attributes_of(thing) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in thing.attributes}


def test_a_trace_goes_from_the_caller_over_the_queue_to_the_worker(service, collector):
    service.environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server.server_port}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    service.start_api()
    service.start_worker()
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-Id": "find-me"}
    body = SCENARIO | {"question": SECRET, "attributes": ["helpfulness", "coherence"]}
    cells = service.post("/v1/score", body, headers).json()["cells"]

    request = wait_until(lambda: collector.span("azimuth-api", "POST /v1/score"))
    job = wait_until(lambda: collector.span("azimuth-worker", "evaluate fake"))
    assert request.trace_id.hex() == job.trace_id.hex() == TRACE
    assert request.parent_span_id.hex() == CALLER
    assert job.parent_span_id == request.span_id
    assert attributes_of(request)["http.response.status_code"] == 200
    about = attributes_of(job)
    assert about["gen_ai.provider.name"] == about["gen_ai.request.model"] == "fake"
    assert about["azimuth.request_id"] == attributes_of(request)["azimuth.request_id"] == "find-me"
    for kind, name in (("prompt", "input"), ("output", "output")):
        spent = sum(cell["usage"][f"{kind}_tokens"] for cell in cells)
        assert about[f"gen_ai.usage.{name}_tokens"] == spent
    events = [attributes_of(event) for event in job.events]
    assert {event.name for event in job.events} == {"gen_ai.evaluation.result"}
    scores = {(e["gen_ai.evaluation.name"], e["gen_ai.evaluation.score.value"]) for e in events}
    assert scores == {(c["attribute"], s["score"]) for c in cells for s in c["scores"]}
    assert not any(SECRET.encode() in body for body in collector.bodies)
    assert not any("/readyz" in span.name for _, span in collector.spans)


def test_without_an_exporter_there_are_no_traces(azimuth):
    answer = azimuth.post("/v1/score", SCENARIO, {"traceparent": f"00-{TRACE}-{CALLER}-01"})
    assert answer.status_code == 200


def test_a_collector_that_is_away_disturbs_nobody(service):
    service.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    api = service.start_api()
    worker = service.start_worker()
    assert service.post("/v1/score", SCENARIO).status_code == 200
    for child in (worker, api):
        child.process.terminate()
        wait_until(lambda: not child.alive(), timeout_s=15, what=f"the end of {child.name}")  # noqa: B023
