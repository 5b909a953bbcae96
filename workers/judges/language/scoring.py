"""From a job to its cells: retrieve examples, build and trim prompts, ask, average."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from app.domain.cells import CellResults, CellTimings, Unscored
from app.domain.job import Job
from app.domain.ratings.retrieval import Reach
from app.domain.scenario import Attribute, Choice
from app.domain.scorer import ScorerSettings
from workers.concurrency import gather_or_cancel
from workers.judges.language.asking import Asker
from workers.judges.language.cells import Group, Outcome, cells_of, groups_of
from workers.judges.language.thread import PromptThread
from workers.judges.language.trimming import (
    Encode,
    Example,
    Trimmed,
    drop_last,
    drop_least_similar,
    drop_worst,
    trim_prompts,
)
from workers.methods.base import Task
from workers.retrieval.embedding import Vectors
from workers.retrieval.groups import GroupBank
from workers.retrieval.indexed import IndexedBank
from workers.retrieval.library import BankLibrary


@dataclass(frozen=True, slots=True)
class _Retrieval:
    """Where a job's examples come from."""

    bank: IndexedBank
    query: Vectors
    """The vector of the scenario's question."""

    def examples(self, task: Task[Any]) -> list[Example]:
        """Choose the examples of a task."""
        chosen = self.bank.examples(self.query, task.scenario, task.subject, task.settings)
        return [Example(n, self.bank.bank.scenarios[n.row]) for n in chosen.neighbours]


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
        self._thread = PromptThread()

    async def score(self, job: Job) -> AsyncIterator[CellResults]:
        """Yield the cells of a job as they are done, those of one answer together.

        All attributes, orders and samples are given to the engine at once. Raises `EngineError` if
        the engine fails; cells that were yielded before are valid.
        """
        groups = groups_of(job)
        if not groups:
            return
        queue_ms = job.waited_ms
        started = time.perf_counter()
        retrieval = await self._retrieval(job)
        timings = CellTimings(queue=queue_ms, retrieval=_ms_since(started))
        turn = asyncio.Lock()
        tasks = [
            asyncio.create_task(self._score_group(job, group, retrieval, timings, turn))
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
        digest, group = job.scorer.bank.digest, job.scorer.settings.group
        if group is None:
            bank: IndexedBank = await self._banks.get(digest)
        else:
            bank = await self._banks.get_group(digest, group.name)
        return _Retrieval(bank, await self._banks.embed(job.scenario.question))

    async def _score_group(
        self,
        job: Job,
        group: Group,
        retrieval: _Retrieval | None,
        timings: CellTimings,
        turn: asyncio.Lock,
    ) -> CellResults:
        settings = job.scorer.settings
        asker = self._askers[settings.profile]
        task: Task[Any] = Task(group.subject, job.scenario, settings)
        async with turn:  # a job is in the thread once, however many attributes it has
            started = time.perf_counter()
            examples = await self._thread.run(retrieval.examples, task) if retrieval else []
            retrieval_ms = timings.retrieval + _ms_since(started)
            trimmed = await self._trimmed(asker, task, examples)
        if isinstance(trimmed, Unscored):
            return group.unscored(trimmed)
        started = time.perf_counter()
        readings = await gather_or_cancel(
            [asker.ask(prompt, settings) for prompt in trimmed.prompts]
        )
        timings = msgspec.structs.replace(
            timings, retrieval=retrieval_ms, engine=_ms_since(started)
        )
        reach = await self._reach(retrieval, settings)
        outcome = Outcome(len(job.scenario.candidates), trimmed, readings, timings, reach)

        def uncovered(subject: Attribute | Choice) -> tuple[float, ...]:
            used = [example.neighbour for example in trimmed.used]
            return retrieval.bank.left_out(subject, used) if retrieval else ()

        return cells_of(group, outcome, uncovered)

    async def _reach(self, retrieval: _Retrieval | None, settings: ScorerSettings) -> Reach | None:
        """How many examples of its bank a group's retrieval uses."""
        if retrieval is None or not isinstance(retrieval.bank, GroupBank):
            return None
        return await self._thread.run(retrieval.bank.reach, settings)

    async def _trimmed(
        self, asker: Asker[Any], task: Task[Any], examples: list[Example]
    ) -> Trimmed | Unscored:
        planned = asker.plan(task)
        return await self._thread.run_in_slices(
            trim_prompts(
                planned,
                examples,
                self._encode,
                self._context_length,
                drop=_drop_of(task.settings),
            )
        )


def _drop_of(settings: ScorerSettings) -> Callable[[Sequence[Example]], Example]:
    """Which examples a prompt that is too long does without first."""
    if settings.retrieval == "fixed":
        return drop_last
    return drop_least_similar if settings.group is None else drop_worst


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
