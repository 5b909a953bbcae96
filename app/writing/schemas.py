"""Bodies of answers with written texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.domain.cells import UnscoredReason
from app.domain.methods import Retrieval
from app.domain.writing import Finish, Style
from app.people.schemas import PeopleOut
from app.schema import Maybe, Open
from app.scores.schemas import (
    CellTimingsOut,
    ExampleOut,
    PendingOut,
    ReachOut,
    ScoreSetOut,
    TimingsOut,
    UsageOut,
)
from app.scoring.schemas import BankRefOut, GroupRefOut
from app.selection.schemas import SelectionOut


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
    id: Maybe[str] = None
    """In `/respond`: the candidate's id."""
    response_class: Maybe[str] = None
    """In `/respond`: the response class that it was written for."""
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
    id: Maybe[str] = None
    """In `/respond`: the candidate's id."""
    response_class: Maybe[str] = None
    """In `/respond`: the response class that it was wanted for."""
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


class SelectedTextOut(Open):
    """The chosen candidate."""

    id: str
    response_class: Maybe[str] = None
    text: str


class StepOut(Open):
    """What one step took."""

    usage: UsageOut
    timings_ms: TimingsOut


class RespondOut(Open):
    """The chosen candidate, all that were written, and why."""

    selected: SelectedTextOut | None
    """The chosen candidate; null while scores are pending, and if the selection abstains."""
    texts: list[TextOut]
    """All candidates, those that were not written as well."""
    writer: WriterOut
    selection: Maybe[SelectionOut] = None
    """As in `/select`; its indices count the written candidates only."""
    people: Maybe[PeopleOut] = None
    """For a person, a group or groups."""
    score_set: Maybe[ScoreSetOut] = None
    """The scores, if any were wanted."""
    pending: Maybe[PendingOut] = None
    """Present while scores are pending: where to poll."""
    writing: StepOut
    choosing: Maybe[StepOut] = None
    timings_ms: TimingsOut
    """Of writing; `total` is the whole request."""
    warnings: list[str]
