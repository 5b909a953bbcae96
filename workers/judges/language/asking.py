"""Puts the prompts of a method to the engine, and reads what comes back."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from app.domain.cells import Unscored, UnscoredReason, Usage
from app.domain.scorer import ScorerSettings
from workers.engines.base import (
    Answer,
    Engine,
    Generation,
    OnText,
    Sampling,
    Schema,
    TokenProbabilities,
)
from workers.errors import EngineRejected
from workers.judges.language.averaging import Reading
from workers.judges.language.trimming import PlannedPrompt, TrimmedPrompt
from workers.methods.base import (
    AskAboutOne,
    InvalidAnswer,
    Judgement,
    Method,
    ReadingMethod,
    Task,
    WritingMethod,
)
from workers.tokenization.conversation import Prompt

_RETRY_TEMPERATURE = 0.3
"""A greedy answer that was invalid would come back the same, so the retry is sampled."""
M = TypeVar("M", bound=Method[Any, Any])


class CountingEngine:
    """An engine's answers, and how many there were: a model that hangs gives no more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.finished = 0

    async def generate(self, prompt: Prompt, schema: Schema, sampling: Sampling) -> Generation:
        """Answer a prompt, see `Engine.generate`."""
        generation = await self._engine.generate(prompt, schema, sampling)
        self.finished += 1
        return generation

    async def write(
        self, prompt: Prompt, sampling: Sampling, on_text: OnText | None = None
    ) -> Generation:
        """Write a text, see `Engine.write`. Each part counts."""

        def counted(part: str) -> None:
            self.finished += 1
            if on_text is not None:
                on_text(part)

        generation = await self._engine.write(prompt, sampling, counted if on_text else None)
        self.finished += 1
        return generation

    async def read_probabilities(
        self, prompt: Prompt, tokens: tuple[str, ...]
    ) -> TokenProbabilities:
        """Read probabilities, see `Engine.read_probabilities`."""
        probabilities = await self._engine.read_probabilities(prompt, tokens)
        self.finished += 1
        return probabilities


class Asker(ABC, Generic[M]):
    """One method, ready to be put to the engine."""

    def __init__(self, method: M, engine: CountingEngine) -> None:
        self.method = method
        self._engine = engine

    @abstractmethod
    def plan(self, task: Task[Any]) -> list[PlannedPrompt]:
        """Return the prompts of a task, still without examples."""

    @abstractmethod
    async def ask(self, prompt: TrimmedPrompt, settings: ScorerSettings) -> Reading:
        """Put one prompt to the engine. Raises `EngineError` if the engine fails."""


class WritingAsker(Asker[WritingMethod[Any]]):
    """Has the model write answers; invalid ones are requested once more."""

    def __init__(
        self, method: WritingMethod[Any], engine: CountingEngine, context_length: int
    ) -> None:
        super().__init__(method, engine)
        self._context_length = context_length

    def plan(self, task: Task[Any]) -> list[PlannedPrompt]:
        """Plan one prompt for each ask, with room for the answer."""
        method, settings = self.method, task.settings
        return [
            PlannedPrompt(
                ask,
                number,
                partial(method.messages, task, ask),
                method.answer_tokens(ask, settings),
                method.least_answer_tokens(ask, settings),
            )
            for number, ask in enumerate(method.asks(task.scenario, settings))
        ]

    async def ask(self, prompt: TrimmedPrompt, settings: ScorerSettings) -> Reading:
        """Ask once and, for invalid answers, once more."""
        sampling = Sampling(
            max_tokens=prompt.answer_tokens,
            temperature=settings.temperature,
            samples=settings.samples,
            seed=draw_seed(settings.seed, prompt.number, 0),
        )
        schema = self.method.schema(prompt.ask, settings)
        try:
            first = await self._engine.generate(prompt.prompt, schema, sampling)
        except EngineRejected as error:
            return Reading(problem=_problem("engine-error", str(error)))
        usage = _usage(first)
        valid, invalid = self._read(prompt, settings, first.answers)
        rejected: str | None = None
        if invalid:
            retry = replace(
                sampling,
                # An answer that was cut gets all the room that is left.
                max_tokens=max(prompt.answer_tokens, self._context_length - prompt.prompt.length),
                samples=len(invalid),
                temperature=max(sampling.temperature, _RETRY_TEMPERATURE),
                seed=draw_seed(settings.seed, prompt.number, 1),
            )
            try:
                second = await self._engine.generate(prompt.prompt, schema, retry)
            except EngineRejected as error:  # the valid answers remain valid
                rejected = str(error)
            else:
                usage += _usage(second)
                more, invalid = self._read(prompt, settings, second.answers)
                valid += more
        problem = None if valid else invalid[0].problem(rejected)
        return Reading(tuple(valid), len(invalid), problem, usage)

    def _read(
        self, prompt: TrimmedPrompt, settings: ScorerSettings, answers: Sequence[Answer]
    ) -> tuple[list[tuple[Judgement, ...]], list[_Invalid]]:
        valid: list[tuple[Judgement, ...]] = []
        invalid: list[_Invalid] = []
        for answer in answers:
            try:
                valid.append(tuple(self.method.read(answer.text, prompt.ask, settings)))
            except InvalidAnswer as error:
                invalid.append(_Invalid(answer, str(error)))
        return valid, invalid


class ReadingAsker(Asker[ReadingMethod[Any]]):
    """Reads the probabilities of a method's tokens."""

    def plan(self, task: Task[Any]) -> list[PlannedPrompt]:
        """Plan one prompt for each ask, with room for one token."""
        method = self.method
        return [
            PlannedPrompt(ask, number, partial(method.messages, task, ask), 1, 1)
            for number, ask in enumerate(method.asks(task.scenario, task.settings))
        ]

    async def ask(self, prompt: TrimmedPrompt, settings: ScorerSettings) -> Reading:
        """Read the probabilities for the one candidate that the prompt is about."""
        ask = prompt.ask
        assert isinstance(ask, AskAboutOne), "plan() makes no others"
        try:
            read = await self._engine.read_probabilities(prompt.prompt, self.method.tokens)
        except EngineRejected as error:
            return Reading(problem=_problem("engine-error", str(error)))
        usage = Usage(read.prompt_tokens, read.cached_prompt_tokens, output_tokens=1)
        judgement = self.method.judgement(ask, read.probabilities)
        if judgement is None:
            tokens = ", ".join(self.method.tokens)
            detail = f"the model's probability is 0 for each of {tokens}"
            return Reading(problem=_problem("invalid-output", detail), usage=usage)
        return Reading(((judgement,),), usage=usage)


@dataclass(frozen=True, slots=True)
class _Invalid:
    """An invalid answer."""

    answer: Answer
    why: str

    def problem(self, rejected: str | None) -> Unscored:
        """Say why the cell is unscored; `rejected` is why the engine refused the second try."""
        cut = self.answer.finish_reason == "length"
        what = f"cut at {self.answer.output_tokens} tokens" if cut else f"invalid ({self.why})"
        if self.answer.finish_reason == "refused":
            what = "refused by the model or by a filter of its endpoint"
        second = (
            "twice" if rejected is None else f"and the engine rejected a second try: {rejected}"
        )
        return _problem(
            "truncated" if cut else "invalid-output", f"the answer was {what}, {second}"
        )


def draw_seed(seed: int, ask: int, attempt: int) -> int:
    """Return the seed (31 bits) of an ask's first sample; engines count up for further samples.

    It is a hash, so neighbouring seeds of requests and orders of one request share no draws.
    """
    hashed = hashlib.blake2b(f"{seed}:{ask}:{attempt}".encode(), digest_size=4).digest()
    return int.from_bytes(hashed, "big") >> 1


def _problem(reason: UnscoredReason, detail: str) -> Unscored:
    return Unscored(attribute="", reason=reason, detail=detail)  # named for each cell later


def _usage(generation: Generation) -> Usage:
    return Usage(
        prompt_tokens=generation.prompt_tokens,
        cached_prompt_tokens=generation.cached_prompt_tokens,
        output_tokens=sum(answer.output_tokens for answer in generation.answers),
    )
