"""From a job to its cells: retrieve examples, build and trim prompts, ask, average."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from app.domain.cells import Cell, CellResults, CellTimings, ExampleUse, Unscored, Usage
from app.domain.job import Job
from app.domain.scenario import Attribute, Choice
from workers.concurrency import gather_or_cancel
from workers.judges.language.asking import Asker
from workers.judges.language.averaging import Reading, average, position_bias
from workers.judges.language.trimming import Encode, Example, Trimmed, trim_prompts
from workers.methods.base import Task
from workers.retrieval.embedding import Vectors
from workers.retrieval.library import BankLibrary, IndexedBank
from workers.subject import Subject

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Group:
    """Cells that come from the same prompts."""

    subject: Subject
    cells: dict[str, Attribute | Choice]
    """Cell field -> the subject, or those of its attributes that the job names."""


@dataclass(frozen=True, slots=True)
class _Retrieval:
    """Where a job's examples come from."""

    bank: IndexedBank
    query: Vectors
    """The vector of the scenario's question."""


class ScenarioScorer:
    """Scores jobs with one engine. Keeps no state of a job."""

    def __init__(
        self,
        askers: Mapping[str, Asker[Any]],
        encode: Encode,
        context_length: int,
        banks: BankLibrary,
    ) -> None:
        self._askers = askers
        """Profile name -> how to ask."""
        self._encode = encode
        self._context_length = context_length
        self._banks = banks
        # Large banks and long prompts take a while: heartbeats and leases must not wait for them.
        # One thread, because tokenizers are switched between two ways of reading special tokens.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prompts")

    async def score(self, job: Job) -> AsyncIterator[CellResults]:
        """Yield the cells of a job as they are done, those of one answer together.

        All attributes, orders and samples are given to the engine at once. Raises `EngineError` if
        the engine fails; cells that were yielded before are valid.
        """
        groups = _groups(job)
        if not groups:
            return
        queue_ms = max(0.0, time.time() * 1000 - job.submitted_ms)
        started = time.perf_counter()
        retrieval = await self._retrieval(job)
        timings = CellTimings(queue=queue_ms, retrieval=_ms_since(started))
        tasks = [
            asyncio.create_task(self._score_group(job, group, retrieval, timings))
            for group in groups
        ]
        try:
            pending = set(tasks)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _retrieval(self, job: Job) -> _Retrieval | None:
        if job.scorer.bank is None:
            return None
        bank = await self._banks.get(job.scorer.bank.digest)
        return _Retrieval(bank, await self._banks.embed(job.scenario.question))

    async def _score_group(
        self, job: Job, group: _Group, retrieval: _Retrieval | None, timings: CellTimings
    ) -> CellResults:
        """Score all cells of a group, or none of them."""
        settings = job.scorer.settings
        asker = self._askers[settings.profile]
        task: Task[Any] = Task(group.subject, job.scenario, settings)
        started = time.perf_counter()
        examples = await self._in_thread(_examples, task, retrieval) if retrieval else []
        timings = msgspec.structs.replace(timings, retrieval=timings.retrieval + _ms_since(started))
        trimmed = await self._in_thread(self._prompts, asker, task, examples)
        if isinstance(trimmed, Unscored):
            return _unscored(group, trimmed)
        started = time.perf_counter()
        readings = await gather_or_cancel(
            [asker.ask(prompt, settings) for prompt in trimmed.prompts]
        )
        problem = next((r.problem for r in readings if r.problem is not None), None)
        if problem is not None:
            return _unscored(group, problem)
        timings = msgspec.structs.replace(timings, engine=_ms_since(started))
        common = _common(trimmed, examples, readings, timings)
        return _scored(group, task, common, trimmed, readings, retrieval)

    def _prompts(
        self, asker: Asker[Any], task: Task[Any], examples: Sequence[Example]
    ) -> Trimmed | Unscored:
        return trim_prompts(asker.plan(task), examples, self._encode, self._context_length)

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _groups(job: Job) -> list[_Group]:
    """Group a job's cells by the prompts they come from: one each, or attributes together.

    Empty if all cells have been scored meanwhile, as may happen to a job that is delivered again.
    """
    if job.scorer.settings.joint and job.attributes:
        return [_Group(job.scorer.settings.joint, dict(job.attributes))]
    return [_Group(subject, {field: subject}) for field, subject in job.cells.items()]


def _examples(task: Task[Any], retrieval: _Retrieval) -> list[Example]:
    bank = retrieval.bank
    count = task.settings.examples
    chosen = bank.examples(retrieval.query, task.scenario, task.subject, count)
    return [Example(n, bank.bank.scenarios[n.row]) for n in chosen.neighbours]


def _common(
    trimmed: Trimmed,
    examples: Sequence[Example],
    readings: Sequence[Reading],
    timings: CellTimings,
) -> Cell:
    """Return what the cells of a group have in common."""
    ids = {example.neighbour.row: example.scenario.id for example in examples}
    return Cell(
        attribute="",
        scores=(),
        examples=tuple(
            ExampleUse(ids[n.row], round(n.similarity, 4))
            for n in sorted(trimmed.used, key=lambda n: (-n.similarity, n.row))
        ),
        examples_dropped=trimmed.dropped,
        answers_discarded=sum(reading.discarded for reading in readings),
        timings=timings,
        created_ms=int(time.time() * 1000),
    )


def _scored(
    group: _Group,
    task: Task[Any],
    common: Cell,
    trimmed: Trimmed,
    readings: Sequence[Reading],
    retrieval: _Retrieval | None,
) -> CellResults:
    """Return the cells of a group.

    Tokens are divided among them, so that the sum over the cells is what was used.
    """
    usages = sum((reading.usage for reading in readings), Usage()).split(len(group.cells))
    asks = [prompt.ask for prompt in trimmed.prompts]
    joint = isinstance(task.subject, tuple)
    cells: dict[str, Cell | Unscored] = {}
    for (field, subject), usage in zip(group.cells.items(), usages, strict=True):
        own = [reading.about(subject.name) for reading in readings] if joint else readings
        uncovered = retrieval.bank.left_out(subject, trimmed.used) if retrieval else ()
        cells[field] = msgspec.structs.replace(
            common,
            attribute=subject.name,
            kind="choice" if isinstance(subject, Choice) else "score",
            scores=average(len(task.scenario.candidates), own),
            position_bias=position_bias(asks, own),
            levels_uncovered=uncovered,
            usage=usage,
        )
    return cells


def _unscored(group: _Group, why: Unscored) -> CellResults:
    return {
        field: msgspec.structs.replace(why, attribute=subject.name)
        for field, subject in group.cells.items()
    }


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
