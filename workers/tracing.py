"""The span of a job, with OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.cells import Cell, CellResults, Usage
from app.domain.job import Job
from app.telemetry.traces import Attributes, Span, span


class JobSpan:
    """Records the results of a job."""

    def __init__(self, recorded: Span) -> None:
        self._span = recorded
        self._usage = Usage()

    def settled(self, results: CellResults) -> None:
        """Add an event for each score, and the tokens."""
        for result in results.values():
            if not isinstance(result, Cell):
                self._evaluated(result.attribute, {"error.type": result.reason})
                continue
            self._usage += result.usage
            for candidate, score in enumerate(result.scores):
                value = {"gen_ai.evaluation.score.value": score.score}
                self._evaluated(result.attribute, value | {"azimuth.candidate": candidate})
        self._span.set(
            {
                "gen_ai.usage.input_tokens": self._usage.prompt_tokens,
                "gen_ai.usage.cache_read.input_tokens": self._usage.cached_prompt_tokens,
                "gen_ai.usage.output_tokens": self._usage.output_tokens,
            }
        )

    def _evaluated(self, attribute: str, more: Attributes) -> None:
        self._span.event("gen_ai.evaluation.result", {"gen_ai.evaluation.name": attribute, **more})


@contextmanager
def job_span(job: Job, attempt: int) -> Iterator[JobSpan]:
    """Record the scoring of a job, as part of the trace of the request that queued it."""
    model = job.scorer.model
    with span(f"evaluate {model.name}", "consumer", job.trace) as recorded:
        recorded.set(
            {
                "gen_ai.operation.name": "evaluate",
                "gen_ai.provider.name": model.engine,
                "gen_ai.request.model": model.name,
                "azimuth.request_id": job.request_id,
                "azimuth.job": job.id,
                "azimuth.attempt": attempt,
                "azimuth.method": job.scorer.settings.method,
            }
        )
        yield JobSpan(recorded)
