"""Bodies of answers with written texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.domain.cells import UnscoredReason
from app.domain.methods import Retrieval
from app.domain.writing import Finish, Style
from app.schema import Maybe, Open
from app.scores.schemas import CellTimingsOut, ExampleOut, ReachOut, TimingsOut, UsageOut
from app.scoring.schemas import BankRefOut, GroupRefOut


class WriterOut(Open):
    """Everything that affects a text except the conversation and how to respond."""

    fingerprint: str
    model: str
    model_revision: str
    engine: str
    prompt_profile: str
    bank: Maybe[BankRefOut] = None
    """Bank of the examples; absent without any."""
    group: Maybe[GroupRefOut] = None
    """The group whose ratings choose the examples; absent without one."""
    style: Maybe[Style] = None
    """How the prompt shows examples; absent without any."""
    retrieval: Maybe[Retrieval] = None
    """How examples are chosen; absent without any."""
    examples: int
    """Number of examples that were wanted."""
    max_tokens: int
    temperature: float
    seed: int
    """The seed that was used: with it the texts are drawn again."""


class WrittenTextOut(Open):
    """A text that was written."""

    index: int
    status: Literal["written"]
    text: str
    finish: Finish
    """`stop`: the model ended the text. `length`: the limit of tokens cut it."""
    cached: bool
    """Whether it came from the cache: the same request was answered before."""
    examples: list[ExampleOut]
    """Examples in the prompt, those first that suit best."""
    examples_dropped: list[str]
    """Ids of examples left out because the prompt would exceed the model's context length."""
    reach: Maybe[ReachOut] = None
    """For a group: how many examples its retrieval uses."""
    usage: UsageOut
    timings_ms: CellTimingsOut


class UnwrittenTextOut(Open):
    """A text that was not written."""

    index: int
    status: Literal["unwritten"]
    reason: UnscoredReason
    detail: str
    prompt_tokens: Maybe[int] = None
    output_tokens: Maybe[int] = None
    context_length: Maybe[int] = None


TextOut = Annotated[WrittenTextOut | UnwrittenTextOut, Field(discriminator="status")]


class GenerateOut(Open):
    """Texts, and how they were written."""

    texts: list[TextOut]
    writer: WriterOut
    usage: UsageOut
    """Tokens of the texts that were written for this request. Cached texts use none."""
    timings_ms: TimingsOut
    warnings: list[str]
