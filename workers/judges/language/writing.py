"""Writes the texts of a job: finds examples, builds prompts, passes on what the model writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import msgspec

from app.domain.cells import (
    Cell,
    CellResults,
    CellTimings,
    Unscored,
    UnscoredReason,
    Usage,
)
from app.domain.job import Job
from app.domain.ratings.retrieval import Reach
from app.domain.writing import TEXT, Finish, Piece, Writing, WrittenText
from workers.engines.base import Answer, Generation, Sampling
from workers.errors import EngineRejected
from workers.judges.language.asking import CountingEngine, draw_seed
from workers.judges.language.cells import example_use
from workers.judges.language.examples import FoundExamples, TextExamples
from workers.judges.language.parts import Parts, without_thoughts
from workers.judges.language.thread import PromptThread
from workers.judges.language.trimming import (
    Encode,
    PlannedPrompt,
    Trimmed,
    drop_worst,
    trim_prompts,
)
from workers.methods.base import Ask
from workers.methods.responses.method import Responses

_LEAST_TOKENS = 64
"""Room for an answer below which examples are dropped, or the conversation is too long."""
_FINISH: Mapping[str, Finish] = {"stop": "stop", "length": "length"}
_Results = CellResults | Piece


class TextWriter:
    """Writes with one engine. Keeps no state of a job."""

    def __init__(
        self,
        engine: CountingEngine,
        encode: Encode,
        context_length: int,
        examples: TextExamples,
    ) -> None:
        self._engine = engine
        self._encode = encode
        self._context_length = context_length
        self._examples = examples
        self._responses = Responses()
        self._thread = PromptThread()

    async def write(self, job: Job) -> AsyncIterator[_Results]:
        """Yield the texts of a job as they are done and, if it streams, their parts before.

        Raises `EngineError` if the engine fails. What is not written by the deadline is stopped.
        """
        results: asyncio.Queue[_Results | None] = asyncio.Queue()
        tasks = [
            asyncio.create_task(self._write(job, field, writing, results))
            for field, writing in job.texts.items()
        ]
        everything = asyncio.gather(*tasks)
        everything.add_done_callback(lambda _: results.put_nowait(None))
        try:
            while (result := await results.get()) is not None:
                yield result
            await everything
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(
        self, job: Job, field: str, writing: Writing, results: asyncio.Queue[_Results | None]
    ) -> None:
        parts = Parts(field, results.put_nowait) if job.streams else None
        try:
            async with asyncio.timeout(job.left_ms / 1000 if job.left_ms > 0 else None):
                result = await self._result(job, writing, parts)
        except TimeoutError:
            result = _unwritten("deadline", "the deadline passed while the text was written")
        finally:
            if parts is not None:
                parts.close()
        results.put_nowait({field: result})

    async def _result(self, job: Job, writing: Writing, parts: Parts | None) -> Cell | Unscored:
        started = time.perf_counter()
        found = await self._examples.of(job, writing, self._thread)
        trimmed = await self._trimmed(job, writing, found)
        if isinstance(trimmed, Unscored):
            return trimmed
        retrieval_ms = _ms_since(started)
        (prompt,) = trimmed.prompts
        settings = job.scorer.settings
        sampling = Sampling(
            max_tokens=prompt.answer_tokens,
            temperature=settings.temperature,
            seed=draw_seed(settings.seed, writing.sample, 0),
        )
        started = time.perf_counter()
        try:
            generation = await self._engine.write(
                prompt.prompt, sampling, parts.add if parts is not None else None
            )
        except EngineRejected as error:
            return _unwritten("engine-error", str(error))
        timings = CellTimings(job.waited_ms, retrieval_ms, _ms_since(started))
        return _text_cell(generation, trimmed, found.reach, timings)

    async def _trimmed(
        self, job: Job, writing: Writing, found: FoundExamples
    ) -> Trimmed | Unscored:
        planned = PlannedPrompt(
            Ask(()),
            0,
            lambda shown: self._responses.messages(
                job.messages, writing, shown, found.instructions
            ),
            writing.max_tokens,
            min(writing.max_tokens, _LEAST_TOKENS),
        )
        work = trim_prompts(
            [planned], found.examples, self._encode, self._context_length, drop=drop_worst
        )
        trimmed = await self._thread.run_in_slices(work)
        if isinstance(trimmed, Trimmed):
            return trimmed
        return msgspec.structs.replace(
            trimmed,
            attribute=TEXT,
            detail=f"the conversation takes {trimmed.prompt_tokens} tokens or more and the answer "
            f"{trimmed.output_tokens}, but the model's context is {trimmed.context_length} tokens",
        )


def _text_cell(
    generation: Generation, trimmed: Trimmed, reach: Reach | None, timings: CellTimings
) -> Cell | Unscored:
    answer = generation.answers[0]
    if answer.finish_reason == "refused":
        detail = "refused by the model or by a filter of its endpoint"
        return _unwritten("invalid-output", detail)
    text = without_thoughts(answer.text)
    if not text.strip():
        cut = answer.finish_reason == "length"
        detail = "the limit of tokens was reached" if cut else "the model ended at once"
        return _unwritten("truncated" if cut else "invalid-output", f"no text: {detail}")
    return Cell(
        attribute=TEXT,
        scores=(),
        kind="text",
        text=WrittenText(text, _FINISH.get(answer.finish_reason, "other")),
        examples=tuple(map(example_use, trimmed.used)),
        reach=reach,
        examples_dropped=trimmed.dropped,
        usage=_usage(generation, answer),
        timings=timings,
        created_ms=int(time.time() * 1000),
    )


def _usage(generation: Generation, answer: Answer) -> Usage:
    return Usage(generation.prompt_tokens, generation.cached_prompt_tokens, answer.output_tokens)


def _unwritten(reason: UnscoredReason, detail: str) -> Unscored:
    return Unscored(TEXT, reason, detail)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
