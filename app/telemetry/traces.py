"""Traces with OpenTelemetry, from a request over the queue to the worker.

There are none unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set. OpenTelemetry's other variables apply.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

_log = logging.getLogger(__name__)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_LONGEST_END_S = 2.0
Attributes = Mapping[str, str | int | float]


class Span:
    """A span that nothing records."""

    def rename(self, name: str) -> None:
        """Replace the span's name."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""

    def event(self, name: str, attributes: Attributes) -> None:
        """Add an event."""


class _Recorded(Span):
    def __init__(self, span: Any) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def event(self, name: str, attributes: Attributes) -> None:
        self._span.add_event(name, attributes)


_UNRECORDED = Span()
_provider: Any = None


def configure_traces(service: str) -> None:
    """Send spans to the configured exporter, if there is one."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        _log.warning("no traces: %s; install azimuth[traces]", error)
        return
    global _provider
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
    _provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def end_traces() -> None:
    """Send the spans that are left; give up after a moment, since the exporter may be away."""
    if _provider is not None:
        ending = threading.Thread(target=_provider.shutdown, daemon=True)
        ending.start()
        ending.join(_LONGEST_END_S)


def traced() -> bool:
    """Whether spans are recorded."""
    return _provider is not None


@contextmanager
def span(name: str, kind: Literal["server", "consumer"], parent: str) -> Iterator[Span]:
    """Record a span that becomes the current one. `parent` is a W3C `traceparent`, or empty."""
    if _provider is None:
        yield _UNRECORDED
        return
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": parent} if parent else {})
    tracer = _provider.get_tracer("azimuth")
    # Messages of errors may quote texts of the request, which are not the exporter's business.
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=SpanKind[kind.upper()],
        record_exception=False,
        set_status_on_exception=False,
    ) as recorded:
        try:
            yield _Recorded(recorded)
        except Exception as error:
            recorded.set_attribute("error.type", type(error).__qualname__)
            recorded.set_status(StatusCode.ERROR)
            raise


def traceparent() -> str:
    """The current span as a W3C `traceparent`; empty without one."""
    if _provider is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")
