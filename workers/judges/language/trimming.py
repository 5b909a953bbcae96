"""Trims prompts to the model's context by dropping examples. Pure."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from app.domain.bank import LabelledScenario
from app.domain.cells import Unscored
from workers.methods.base import Ask, Examples
from workers.retrieval.examples import Neighbour
from workers.tokenization.conversation import Message, Prompt

Encode = Callable[[tuple[Message, ...]], Prompt]
_SLACK_TOKENS = 32
"""Orders of the same texts may differ by a few tokens where texts meet their fences."""


@dataclass(frozen=True, slots=True)
class PlannedPrompt:
    """One ask before its examples are known."""

    ask: Ask
    number: int
    """Its index among the asks of the task."""
    messages: Callable[[Examples], tuple[Message, ...]]
    """Builds the conversation with the given examples."""
    answer_tokens: int
    """Tokens of the longest valid answer."""
    least_answer_tokens: int
    """Tokens of an ordinary valid answer."""


@dataclass(frozen=True, slots=True)
class TrimmedPrompt:
    """One ask, ready for the engine."""

    ask: Ask
    number: int
    prompt: Prompt
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Example:
    """A scenario of the bank and how near it is."""

    neighbour: Neighbour
    scenario: LabelledScenario


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Prompts that fit the context, and the examples in them."""

    prompts: tuple[TrimmedPrompt, ...]
    used: tuple[Example, ...]
    dropped: tuple[str, ...]
    """Ids of the examples that were dropped."""


def drop_least_similar(kept: Sequence[Example]) -> Example:
    """Return the example to do without: the least similar."""
    return min(kept, key=lambda e: (e.neighbour.similarity, -e.neighbour.row))


def drop_worst(kept: Sequence[Example]) -> Example:
    """Return the example to do without: the last one of a ranking."""
    return kept[-1]


def drop_last(kept: Sequence[Example]) -> Example:
    """Return the example that prompts show last: what precedes it is shared with other prompts."""
    return kept[0]


def trim_prompts(
    planned: Sequence[PlannedPrompt],
    examples: Sequence[Example],
    encode: Encode,
    context_length: int,
    drop: Callable[[Sequence[Example]], Example] = drop_least_similar,
) -> Generator[None, None, Trimmed | Unscored]:
    """Encode prompts with as many examples as fit; `drop` chooses which to do without first.

    If the scenario does not fit even without examples, the result is `context-overflow`. Yields
    after each prompt, so that others can have their turn.
    """
    tokens = most = max(one.answer_tokens for one in planned)
    decided = False
    kept = tuple(examples)
    dropped: tuple[str, ...] = ()
    while True:
        # Nearest last: next to the question that it resembles.
        shown = tuple(example.scenario for example in reversed(kept))
        prompts = yield from _encoded(planned, shown, encode, context_length - tokens)
        longest = max(prompt.length for prompt in prompts)
        if longest + tokens <= context_length:
            ready = [
                TrimmedPrompt(one.ask, one.number, prompt, tokens)
                for one, prompt in zip(planned, prompts, strict=True)
            ]
            return Trimmed(tuple(ready), kept, dropped)
        if not decided:
            room = yield from _answer_tokens(planned, encode, context_length)
            if isinstance(room, Unscored):
                return room
            tokens, decided = room, True
            if tokens < most:
                continue
        if not kept:
            return _overflow(longest, tokens, context_length)
        least = drop(kept)
        kept = tuple(example for example in kept if example is not least)
        dropped = (least.scenario.id, *dropped)


def _encoded(
    planned: Sequence[PlannedPrompt], shown: Examples, encode: Encode, limit: int
) -> Generator[None, None, list[Prompt]]:
    """Encode prompts up to the first that is longer than `limit`: the others are as long."""
    prompts: list[Prompt] = []
    for one in planned:
        prompts.append(encode(one.messages(shown)))
        yield
        if prompts[-1].length > limit:
            break
    return prompts


def _answer_tokens(
    planned: Sequence[PlannedPrompt], encode: Encode, context_length: int
) -> Generator[None, None, int | Unscored]:
    """Decide how many tokens to leave for an answer."""
    most = max(one.answer_tokens for one in planned)
    least = max(one.least_answer_tokens for one in planned)
    prompts = yield from _encoded(planned, (), encode, context_length - least)
    bare = max(prompt.length for prompt in prompts)
    if bare + most <= context_length:
        return most
    if bare + least > context_length:
        return _overflow(bare, least, context_length)
    # The longest answer does not fit but an ordinary one does: it gets the rest of the context.
    return context_length - bare - _SLACK_TOKENS


def _overflow(prompt: int, answer: int, context_length: int) -> Unscored:
    return Unscored(
        attribute="",  # filled in for each cell of the task
        reason="context-overflow",
        detail=(
            f"the scenario takes {prompt} tokens or more and its answer {answer}, "
            f"but the model's context is {context_length} tokens"
        ),
        prompt_tokens=prompt,
        output_tokens=answer,
        context_length=context_length,
    )
