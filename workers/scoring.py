"""From a job to its cells: retrieve examples, build prompts, ask the engine, read, average."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from app.domain.bank import LabelledScenario
from app.domain.cells import (
    Cell,
    CellResults,
    CellTimings,
    ExampleUse,
    Unscored,
    UnscoredReason,
    Usage,
)
from app.domain.job import Job
from app.domain.scenario import Attribute, Choice, Scenario
from app.domain.scorer import ScorerSettings
from workers.averaging import Reading, average, position_bias
from workers.banks import BankLibrary, IndexedBank
from workers.embedding import Vectors
from workers.engines.base import (
    Answer,
    Engine,
    EngineInfo,
    EngineRejected,
    Generation,
    Prompt,
    Sampling,
    Schema,
)
from workers.examples import ChosenExamples, Neighbour
from workers.gathering import gather_or_cancel
from workers.methods.base import Ask, InvalidAnswer, Joint, Judgement, Method
from workers.methods.labels import LABELS, expected_label

_T = TypeVar("_T")
_SLACK_TOKENS = 32
"""Orders of the same texts may differ by some tokens where texts meet their fences."""
_RETRY_TEMPERATURE = 0.3
"""A greedy answer that was invalid would come back the same: the one retry is drawn."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What one conversation with the model is about, and the cells that come of it."""

    subject: Attribute | Joint | Choice
    cells: dict[str, Attribute | Choice]
    """Cell field -> what it is: the subject, or those attributes of it that the job asks for."""


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Prompts that fit the model's context, and the examples in them."""

    prompts: tuple[Prompt, ...]
    """One for each ask."""
    used: tuple[Neighbour, ...]
    dropped: tuple[str, ...]
    answer_tokens: tuple[int, ...]


class ScenarioScorer:
    """Scores jobs with one engine. Holds no state of a job."""

    def __init__(
        self,
        engine: Engine,
        info: EngineInfo,
        methods: Mapping[str, Method[Any]],
        banks: BankLibrary,
    ) -> None:
        self._engine = engine
        self._info = info
        self._methods = methods
        self._banks = banks
        self.finished = 0
        """Answers that the engine has given so far: what hangs gives no more."""
        # Large banks and long prompts take a while: heartbeats and leases must not wait for them.
        # One thread, because tokenizers are switched between two ways of reading special tokens.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prompts")

    async def _aside(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def score(self, job: Job) -> AsyncIterator[CellResults]:
        """Every cell of a job as it is done, those of one answer together.

        All attributes, orders and samples are given to the engine at once; attributes that are
        asked for together come from one prompt. Raises `EngineError` when the engine fails; cells
        that came before are good.
        """
        questions = _questions(job)
        if not questions:
            return
        queue_ms = max(0.0, time.time() * 1000 - job.submitted_ms)
        started = time.perf_counter()
        bank = await self._banks.get(job.scorer.bank.digest) if job.scorer.bank else None
        query = await self._banks.embed(job.scenario.question) if bank else None
        embed_ms = (time.perf_counter() - started) * 1000
        base = CellTimings(queue=queue_ms, retrieval=embed_ms)
        tasks = [
            asyncio.create_task(self._cells(job, question, bank, query, base))
            for question in questions
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

    async def _cells(
        self,
        job: Job,
        question: _Question,
        bank: IndexedBank | None,
        query: Vectors | None,
        base: CellTimings,
    ) -> CellResults:
        """The cells of one question: all of them scored, or none."""
        settings, subject = job.scorer.settings, question.subject
        method = self._methods[settings.profile]
        started = time.perf_counter()
        chosen: ChosenExamples[Any] = ChosenExamples((), ())
        scenarios: Sequence[LabelledScenario] = ()
        if bank is not None and query is not None:
            scenarios = bank.bank.scenarios
            chosen = await self._aside(
                bank.examples, query, job.scenario, subject, settings.examples
            )
        retrieval_ms = base.retrieval + (time.perf_counter() - started) * 1000
        asks = method.asks(job.scenario, settings)
        fitted = await self._aside(
            self._fit, method, subject, scenarios, chosen, job.scenario, asks, settings
        )
        if isinstance(fitted, Unscored):
            return _unscored(question, fitted)
        started = time.perf_counter()
        readings = await gather_or_cancel(
            [
                self._read_label(ask, prompt)
                if ask.judged is not None
                else self._ask(method, ask, prompt, tokens, settings, number)
                for number, (ask, prompt, tokens) in enumerate(
                    zip(asks, fitted.prompts, fitted.answer_tokens, strict=True)
                )
            ]
        )
        problem = next((r.problem for r in readings if r.problem is not None), None)
        if problem is not None:
            return _unscored(question, problem)
        common = Cell(
            attribute="",
            scores=(),
            examples=tuple(
                ExampleUse(scenarios[n.row].id, round(n.similarity, 4))
                for n in sorted(fitted.used, key=lambda n: (-n.similarity, n.row))
            ),
            examples_dropped=fitted.dropped,
            answers_discarded=sum(r.discarded for r in readings),
            timings=CellTimings(
                queue=base.queue,
                retrieval=retrieval_ms,
                engine=(time.perf_counter() - started) * 1000,
            ),
            created_ms=int(time.time() * 1000),
        )
        uncovered = {
            field: bank.left_out(asked, fitted.used) if bank else ()
            for field, asked in question.cells.items()
        }
        return _scored(question, common, uncovered, len(job.scenario.candidates), asks, readings)

    def _fit(
        self,
        method: Method[Any],
        subject: Attribute | Joint | Choice,
        scenarios: Sequence[LabelledScenario],
        chosen: ChosenExamples[Any],
        scenario: Scenario,
        asks: Sequence[Ask],
        settings: ScorerSettings,
    ) -> _Fitted | Unscored:
        """Prompts with as many examples as fit: the least similar go first, and are named."""
        room = self._info.context_length
        tokens = tuple(method.answer_tokens(ask, settings) for ask in asks)
        bare = max(
            (
                self._engine.encode(method.messages(subject, (), scenario, ask, settings))
                for ask in asks
            ),
            key=lambda prompt: prompt.length,
        )
        if bare.length + tokens[0] > room:
            least = method.least_answer_tokens(asks[0], settings)
            if bare.length + least > room:
                return _overflow(bare.length, least, room)
            # The longest answer does not fit, an ordinary one does: it gets what is left.
            tokens = tuple(room - bare.length - _SLACK_TOKENS for _ in asks)
        kept = chosen.neighbours
        dropped: tuple[str, ...] = ()
        while True:
            # Nearest last: next to the question that it resembles.
            examples = tuple(scenarios[n.row] for n in reversed(kept))
            prompts = tuple(
                self._engine.encode(method.messages(subject, examples, scenario, ask, settings))
                for ask in asks
            )
            if all(p.length + t <= room for p, t in zip(prompts, tokens, strict=True)):
                return _Fitted(
                    prompts=prompts,
                    used=kept,
                    dropped=dropped,
                    answer_tokens=tokens,
                )
            if not kept:
                longest = max(prompts, key=lambda prompt: prompt.length)
                return _overflow(longest.length, tokens[0], room)
            farthest = min(kept, key=lambda n: (n.similarity, -n.row))
            kept = tuple(n for n in kept if n is not farthest)
            dropped = (scenarios[farthest.row].id, *dropped)

    async def _ask(
        self,
        method: Method[Any],
        ask: Ask,
        prompt: Prompt,
        max_tokens: int,
        settings: ScorerSettings,
        number: int,
    ) -> Reading:
        """Put one prompt to the engine; what is invalid is asked for once more.

        `number` is the ask's own among those of the cell.
        """
        sampling = Sampling(
            max_tokens=max_tokens,
            temperature=settings.temperature,
            samples=settings.samples,
            seed=draw_seed(settings.seed, number, 0),
        )
        schema = method.schema(ask, settings)
        try:
            first = await self._generate(prompt, schema, sampling)
        except EngineRejected as error:
            return Reading((), 0, _reasoned("engine-error", str(error)), Usage())
        usage = _usage(first)
        valid, invalid = _read(method, ask, settings, first.answers)
        refused: str | None = None
        if invalid:
            try:
                second = await self._generate(
                    prompt,
                    schema,
                    replace(
                        sampling,
                        # An answer that was cut gets all the room that there is.
                        max_tokens=max(max_tokens, self._info.context_length - prompt.length),
                        samples=len(invalid),
                        temperature=max(sampling.temperature, _RETRY_TEMPERATURE),
                        seed=draw_seed(settings.seed, number, 1),
                    ),
                )
            except EngineRejected as error:  # what was valid before is so still
                refused = str(error)
            else:
                usage += _usage(second)
                more, invalid = _read(method, ask, settings, second.answers)
                valid += more
        problem: Unscored | None = None
        if not valid:
            answer, why = invalid[0]
            cut = answer.finish_reason == "length"
            happened = f"cut at {answer.output_tokens} tokens" if cut else f"invalid ({why})"
            again = "twice" if refused is None else f"and could not be asked for again: {refused}"
            problem = _reasoned(
                "truncated" if cut else "invalid-output", f"the answer was {happened}, {again}"
            )
        return Reading(tuple(valid), len(invalid), problem, usage)

    async def _generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        found = await self._engine.generate(prompt, schema, sampling)
        self.finished += 1
        return found

    async def _read_label(self, ask: Ask, prompt: Prompt) -> Reading:
        """Read the labels' probabilities for the one candidate that an ask is about."""
        assert ask.judged is not None, "only such asks come here"
        try:
            found = await self._engine.read_labels(prompt, LABELS)
            self.finished += 1
        except EngineRejected as error:
            return Reading((), 0, _reasoned("engine-error", str(error)), Usage())
        usage = Usage(found.prompt_tokens, found.cached_prompt_tokens, output_tokens=1)
        label = expected_label(found.probabilities)
        if label is None:
            why = "the model gives none of the labels any probability"
            return Reading((), 0, _reasoned("invalid-output", why), usage)
        judgement = Judgement(ask.judged, label.score, None, raw=found.probabilities)
        return Reading(((judgement,),), 0, None, usage)


def draw_seed(seed: int, ask: int, attempt: int) -> int:
    """Seed of an ask's first sample; engines count up from it for the others.

    Of 31 bits. Neighbouring seeds of requests, and orders of one request, so share no draws.
    """
    hashed = hashlib.blake2b(f"{seed}:{ask}:{attempt}".encode(), digest_size=4).digest()
    return int.from_bytes(hashed, "big") >> 1


def _questions(job: Job) -> list[_Question]:
    """What a job asks, one conversation each: everything by itself, or attributes together.

    Nothing when all of it has been scored meanwhile: a job that is delivered again may come so.
    """
    if job.scorer.settings.joint and job.attributes:
        return [_Question(job.scorer.settings.joint, dict(job.attributes))]
    return [_Question(asked, {field: asked}) for field, asked in job.cells.items()]


def _scored(
    question: _Question,
    common: Cell,
    uncovered: Mapping[str, tuple[float, ...]],
    candidates: int,
    asks: Sequence[Ask],
    readings: Sequence[Reading],
) -> CellResults:
    """The cells of a question: what is common to them, and each one's own.

    Tokens are divided, so that the sum over the cells is what was spent.
    """
    spent = sum((reading.usage for reading in readings), Usage())
    found: dict[str, Cell | Unscored] = {}
    for (field, asked), usage in zip(
        question.cells.items(), spent.split(len(question.cells)), strict=True
    ):
        together = isinstance(question.subject, tuple)
        own = [reading.about(asked.name) for reading in readings] if together else readings
        found[field] = msgspec.structs.replace(
            common,
            attribute=asked.name,
            kind="choice" if isinstance(asked, Choice) else "score",
            scores=average(candidates, own),
            position_bias=position_bias(asks, own),
            levels_uncovered=uncovered[field],
            usage=usage,
        )
    return found


def _unscored(question: _Question, why: Unscored) -> CellResults:
    return {
        field: msgspec.structs.replace(why, attribute=asked.name)
        for field, asked in question.cells.items()
    }


def _reasoned(reason: UnscoredReason, detail: str) -> Unscored:
    """An absence whose cells are named where they are known, see `_unscored`."""
    return Unscored(attribute="", reason=reason, detail=detail)


def _overflow(prompt: int, answer: int, room: int) -> Unscored:
    detail = f"the scenario takes {prompt} tokens and its answer {answer}, the model {room}"
    return msgspec.structs.replace(
        _reasoned("context-overflow", detail),
        prompt_tokens=prompt,
        output_tokens=answer,
        context_length=room,
    )


def _read(
    method: Method[Any], ask: Ask, settings: ScorerSettings, answers: Sequence[Answer]
) -> tuple[list[tuple[Judgement, ...]], list[tuple[Answer, str]]]:
    valid: list[tuple[Judgement, ...]] = []
    invalid: list[tuple[Answer, str]] = []
    for answer in answers:
        try:
            valid.append(tuple(method.read(answer.text, ask, settings)))
        except InvalidAnswer as error:
            invalid.append((answer, str(error)))
    return valid, invalid


def _usage(generation: Generation) -> Usage:
    return Usage(
        prompt_tokens=generation.prompt_tokens,
        cached_prompt_tokens=generation.cached_prompt_tokens,
        output_tokens=sum(answer.output_tokens for answer in generation.answers),
    )
