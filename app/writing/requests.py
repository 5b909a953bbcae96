"""Bodies of requests to write texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from app.domain.writing import Style, Turn
from app.people.requests import MAX_GROUPS, PeopleOptions, PersonIn
from app.schema import WHOLE, Closed, Flag, Name, Number, Text
from app.scoring.requests import RetrievalWeightsIn, ScorerRequest
from app.selection.requests import SelectionOptions, Target

MAX_SAMPLES = 16
MAX_MESSAGES = 200


class MessageIn(Closed):
    """One message of a conversation. Its text is data: nothing in it becomes a special token."""

    role: Literal["system", "user", "assistant"]
    content: Text


class WritingOptions(Closed):
    """How to write. Texts are cached separately for each combination of options."""

    model: str | None = None
    """Name of the model; the service's default model if omitted."""
    max_tokens: Annotated[int, Field(ge=1, le=16_384), WHOLE] = 512
    """Longest text, in tokens. A longer one is cut, and its `finish` is `length`."""
    samples: Annotated[int, Field(ge=1, le=MAX_SAMPLES), WHOLE] = 1
    """Number of texts."""
    temperature: Number | None = Field(None, ge=0, le=2, allow_inf_nan=False)
    """Sampling temperature; by default 0 (greedy) for one text and 0.7 for several."""
    seed: Annotated[int, Field(ge=0, lt=2**31), WHOLE] | None = None
    """Seed of the draws. Without one, a text that is drawn is a new one each time; the answer has
    the seed that was used. With one, or at temperature 0, a text may come from the cache."""
    examples: Annotated[int, Field(ge=1, le=32), WHOLE] = 3
    """Number of examples in the prompt, for a group or a person."""
    retrieval: Literal["similar", "spica", "expected"] | None = None
    """How examples for a group are chosen, as in `scoring.retrieval`: by default `expected` where
    the bank has response classes, else `similar`."""
    retrieval_weights: RetrievalWeightsIn | None = None
    """For `spica`: weights in place of those that are fitted on the bank for the group."""

    @model_validator(mode="after")
    def _samples_must_differ(self) -> WritingOptions:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("all samples are the same at temperature 0: use a higher temperature")
        return self


class Conversation(Closed):
    """A conversation to answer."""

    messages: list[MessageIn] = Field(min_length=1, max_length=MAX_MESSAGES)
    """The conversation, oldest message first: perhaps one of the system, which takes the place of
    the default instruction, then user and assistant in turn. The last is the user's."""

    @model_validator(mode="after")
    def _in_turn(self) -> Conversation:
        roles = [message.role for message in self.messages]
        spoken = roles[1:] if roles[0] == "system" else roles
        wanted = ["user", "assistant"] * (len(spoken) // 2) + ["user"]
        if spoken != wanted:
            raise ValueError(
                "messages must be the user's and the assistant's in turn, beginning and ending "
                "with the user's; a system message may only come first"
            )
        return self

    @property
    def turns(self) -> list[Turn]:
        """The messages, for the domain."""
        return [Turn(message.role, message.content) for message in self.messages]


class GenerateRequest(Conversation):
    """A conversation to answer for a group or a person, or without examples."""

    bank: Name | None = None
    """The rated bank that examples come from."""
    group: Name | None = None
    """The group of the bank to write for."""
    person: PersonIn | None = None
    """In place of a group: the person to write for, by own ratings or as a rater of the bank. The
    examples are the most similar scenarios, with what the person is expected to think of the
    classes of their responses."""
    style: Style = "C-R"
    """How the prompt shows what the group prefers, as in SPICA's paper. `P-…`: the most appropriate
    response of each example. `C-…`: the least appropriate as well. `…-R`: the text of the response.
    `…-I`: the instruction of its response class."""
    control: Flag = False
    """Write with the plain prompt, without examples, whatever else the request names."""
    writing: WritingOptions = Field(default_factory=WritingOptions)
    stream: Flag = False
    """Send the text while it is written, as server-sent events."""
    deadline_s: Number | None = Field(None, gt=0, allow_inf_nan=False)
    """Seconds after which the text is no longer needed. Writing then stops."""

    @model_validator(mode="after")
    def _for_somebody(self) -> GenerateRequest:
        if self.group is not None and self.person is not None:
            raise ValueError("group and person cannot be combined: write for one of them")
        if self.bank is None and (self.group is not None or self.person is not None):
            raise ValueError("a group or a person needs the bank with the ratings, in bank")
        if self.bank is not None and self.group is None and self.person is None:
            raise ValueError("a bank needs a group or a person to write for")
        options = self.writing
        weighed = (options.retrieval, options.retrieval_weights) != (None, None)
        if self.group is None and weighed:
            raise ValueError("writing.retrieval and its weights are for a group")
        return self


class RespondRequest(Conversation, ScorerRequest):
    """A conversation to answer with the best of several candidates, which are written first."""

    bank: Name | None = None
    """The rated bank: its response classes are what is written, and its ratings say what people
    prefer. Needed for people, and for classes."""
    classes: list[Name] | None = Field(None, min_length=1, max_length=50)
    """The response classes of the bank to write a candidate for; by default all that have an
    instruction. Without a bank, `writing.samples` candidates are written with the plain prompt."""
    writing: WritingOptions = Field(default_factory=WritingOptions)
    """How to write. With a bank, `samples` is the number of candidates of each class."""
    target: Target | None = None
    """Choose the candidate whose scores are nearest to this target."""
    person: PersonIn | None = None
    """In place of a target: choose what this person is expected to prefer."""
    group: Name | None = None
    """In place of a target: choose what this group is expected to prefer."""
    groups: Annotated[list[Name], Field(min_length=1, max_length=MAX_GROUPS)] | None = None
    """In place of a target: choose fairly for these groups."""
    people: PeopleOptions = Field(default_factory=PeopleOptions)
    """Options for `person`, `group` and `groups`. The classes of candidates are known."""
    selection: SelectionOptions = Field(default_factory=SelectionOptions)
    """Options for a target."""
    calibration: Name = "auto"
    """As in `/score`."""
    deadline_s: Number | None = Field(None, gt=0, allow_inf_nan=False)
    """Seconds after which the answer is no longer needed."""

    @model_validator(mode="after")
    def _one_wish(self) -> RespondRequest:
        wished = ("target", "person", "group", "groups")
        given = [name for name in wished if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"choose for one of {', '.join(wished)}: {len(given)} are given")
        if self.bank is None and (given != ["target"] or self.classes is not None):
            raise ValueError("people and classes need the bank that has them, in bank")
        if self.people.candidate_classes is not None:
            raise ValueError("people.candidate_classes are known here: leave them out")
        if self.bank is None and self.writing.samples < 2:
            raise ValueError("without a bank set writing.samples: there must be candidates")
        if self.writing.retrieval is not None or self.writing.retrieval_weights is not None:
            raise ValueError("writing.retrieval is for /generate: candidates have no examples")
        return self
