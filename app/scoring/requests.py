"""What scoring takes: a scenario, and how it shall be scored."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from app.domain.scenario import MAX_CANDIDATES
from app.schema import AttributeName, Closed, Name, Text, UnitInterval, text_or_object


class CandidateIn(Closed):
    """A candidate response with the caller's own id."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    text: Text


class AttributeIn(Closed):
    """An attribute defined in the request itself."""

    name: AttributeName
    definition: Text
    """What the attribute means, as the model reads it."""
    low: str = ""
    """What a score of 0 looks like."""
    high: str = ""
    """What a score of 1 looks like."""
    levels: list[UnitInterval] = []
    """The values that labels of this attribute take."""


ResponseIn = Annotated[
    Annotated[Text, Tag("name")] | Annotated[CandidateIn, Tag("object")],
    Discriminator(text_or_object),
]

AttributeRef = Annotated[
    Annotated[Name, Tag("name")] | Annotated[AttributeIn, Tag("object")],
    Discriminator(text_or_object),
]


class Scoring(Closed):
    """How scenarios are scored. Whatever changes here makes other scores, cached apart."""

    method: str = "comparative"
    """`comparative`: all candidates in one prompt. `regression`: each candidate in a prompt of its
    own. `kaleido`: valence from a Kaleido model. `/select` also takes methods that choose without
    scoring: `prompt_aligned` (the model is shown the target and picks), `unaligned` (it picks
    without a target), `reward_model`."""
    model: str | None = None
    """Name of the model to score with; the service's default if not given."""
    bank: Name | None = None
    """Bank of in-context examples: the attribute set's own if not given; null for none."""
    examples: int = Field(5, ge=0, le=32)
    """In-context examples for each attribute; for all of them together with `joint`."""
    samples: int = Field(1, ge=1, le=32)
    """Answers drawn and averaged (self-consistency)."""
    temperature: float | None = Field(None, ge=0, le=2, allow_inf_nan=False)
    """0 (greedy) by default; 0.7 with several samples."""
    orders: int = Field(1, ge=1, le=24)
    """Presentation orders averaged over: forward and reversed first."""
    reasoning: bool = True
    """Whether the model writes a sentence before each score. Without it, methods that score read
    the model's probabilities of the digits 0 to 4; the expected digit is the score."""
    reasoning_chars: int = Field(240, ge=20, le=2000)
    """Longest sentence of reasoning, in characters."""
    joint: bool = False
    """Ask for all attributes in one prompt and one answer instead of a prompt each: cheaper,
    because question and candidates are read once. Each score then depends on which attributes
    were asked for together, and is cached as such. For `comparative` with reasoning only."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Another seed draws other samples. Equal seeds draw the same as far as the engine's arithmetic
    is the same: vLLM's numbers depend slightly on what else is in the batch."""

    @model_validator(mode="after")
    def _samples_must_differ(self) -> Scoring:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                "samples drawn at temperature 0 are all the same: use a temperature above 0"
            )
        return self


class ScorerRequest(Closed):
    """Which attributes to score, and how."""

    attribute_set: Name = "helpsteer2"
    """Where the names in `attributes` are defined."""
    attributes: list[AttributeRef] | None = Field(None, min_length=1, max_length=50)
    """Names in the attribute set, or attributes defined inline. By default `/score` scores the
    whole set and `/select` what the target names."""
    scoring: Scoring = Scoring()


class ScoreRequest(ScorerRequest):
    """A scenario, the attributes to score it on, and how."""

    question: Text
    """What the candidates respond to."""
    responses: list[ResponseIn] = Field(min_length=1, max_length=MAX_CANDIDATES)
    """1 to 26 candidates: texts, or objects with `id` and `text`."""
    calibration: Name = "auto"
    """Name of a calibration; `auto`: the latest one that was fitted for this scorer and predicts
    all the attributes, if there is one; `none`: scores as the model gave them."""
    deadline_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Seconds after which the scores are of no use: work that has not begun by then is dropped."""
