"""Bodies of scoring requests: a scenario, its attributes and scoring options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from app.domain.methods import PromptOrder, Retrieval
from app.domain.scenario import MAX_CANDIDATES
from app.schema import (
    WHOLE,
    AttributeName,
    Closed,
    Flag,
    Name,
    Number,
    Text,
    UnitInterval,
    one_or_many,
    text_or_object,
)


class CandidateIn(Closed):
    """A candidate response with the caller's own id."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    text: Text


class AttributeIn(Closed):
    """An attribute defined in the request itself."""

    name: AttributeName
    definition: Text
    """What the attribute means. The model reads it."""
    low: str = ""
    """Description of a response that scores 0."""
    high: str = ""
    """Description of a response that scores 1."""
    levels: list[UnitInterval] = []
    """The values that labels of this attribute take; empty if they are continuous."""


ResponseIn = Annotated[
    Annotated[Text, Tag("name")] | Annotated[CandidateIn, Tag("object")],
    Discriminator(text_or_object),
]

AttributeRef = Annotated[
    Annotated[Name, Tag("name")] | Annotated[AttributeIn, Tag("object")],
    Discriminator(text_or_object),
]


class RetrievalWeightsIn(Closed):
    """Weights of SPICA's measures (section 3.2.3). They make up a distance, so that a measure that
    makes a good example has a negative weight."""

    similarity: Number = Field(allow_inf_nan=False, ge=-1e6, le=1e6)
    stability: Number = Field(allow_inf_nan=False, ge=-1e6, le=1e6)
    contrast: Number = Field(allow_inf_nan=False, ge=-1e6, le=1e6)


MAX_JUDGES = 5
"""Most members of a committee: a calibration knows what each choice of them is worth."""


class JudgeIn(Closed):
    """A member of a committee. What it leaves out is as in `scoring`."""

    model: str | None = None
    """Name of the model."""
    method: str | None = None
    """How it scores."""
    reasoning: Flag | None = None
    """False: it reads digits."""


JudgeRef = Annotated[
    Annotated[str, Tag("name")] | Annotated[JudgeIn, Tag("object")],
    Discriminator(text_or_object),
]


class Scoring(Closed):
    """How to score. Scores are cached separately for each combination of options."""

    method: str = "comparative"
    """How to score. The default is the service's: `comparative`, unless `AZIMUTH_DEFAULT_METHOD` is
    another. With `auto` it is `probe` where a calibration covers all attributes of the request and
    nothing else in `scoring` is set but `model`, else `comparative`; `method_reason` in the answer
    says why. `comparative`: all candidates in one prompt. `regression`: one prompt per candidate.
    `kaleido`: valence from a Kaleido model. `probe`: hidden states of a judge that reads each
    candidate once, of which a calibration that was fitted for it makes scores. `/select` also
    accepts methods that choose without scoring: `prompt_aligned` (the model is shown the target and
    picks a candidate), `unaligned` (it picks without a target) and `reward_model`."""
    model: (
        Annotated[
            Annotated[str, Tag("one")]
            | Annotated[list[JudgeRef], Field(min_length=1, max_length=MAX_JUDGES), Tag("many")],
            Discriminator(one_or_many),
        ]
        | None
    ) = None
    """Name of the model; the service's default model if omitted. A list is a committee: each of its
    judges scores the scenario, and their order makes no difference. A calibration that was fitted
    for the committee combines what they give; without one, scores are the mean of theirs. One model
    may be in it with several methods: `["small", {"model": "large", "method": "probe"}]`."""
    bank: Name | None = None
    """Bank of in-context examples; the bank of the attribute set if omitted; null for none."""
    examples: Annotated[int, Field(ge=0, le=32), WHOLE] = 5
    """Number of in-context examples in each prompt."""
    samples: Annotated[int, Field(ge=1, le=32), WHOLE] = 1
    """Number of answers drawn and averaged (self-consistency)."""
    temperature: Number | None = Field(None, ge=0, le=2, allow_inf_nan=False)
    """Sampling temperature; by default 0 (greedy) for one sample and 0.7 for several."""
    orders: Annotated[int, Field(ge=1, le=24), WHOLE] = 1
    """Number of presentation orders averaged: forward, reversed, then random ones."""
    reasoning: Flag = True
    """Whether the model writes a sentence before each score. If false, methods that score read the
    model's probabilities of the digits 0 to 4, and the expected digit is the score."""
    reasoning_chars: Annotated[int, Field(ge=20, le=2000), WHOLE] = 240
    """Maximum length of the reasoning, in characters."""
    joint: Flag = False
    """Score all attributes in one prompt instead of one prompt each. This is cheaper, because the
    model reads question and candidates once, but each score depends on which attributes are scored
    together, and is cached accordingly. Only for `comparative` with reasoning."""
    group: Name | None = None
    """A group that has rated the bank. Its mean ratings are then the labels of the examples for the
    attribute `appropriateness`, and its retrieval chooses the examples. Without `attribute_set`,
    that attribute is what is scored. The bank must be named."""
    retrieval: Retrieval = "similar"
    """`similar`: the examples nearest to the question. `fixed`: the same few examples of the bank
    for every question. Prompts then begin alike, and the engine reads that part once. For a group
    also `expected`, its default: among the most similar, the examples nearest to the ratings to
    expect, without flat ones; and `spica`: those with the smallest weighted sum of similarity,
    stability and contrast."""
    retrieval_weights: RetrievalWeightsIn | None = None
    """For `spica`: weights in place of those that are fitted on the bank for the group."""
    prompt_order: PromptOrder = "attribute_first"
    """`attribute_first`: each prompt begins with its attribute and examples for it. `item_first`:
    examples for all attributes of the bank, question and candidates come first and the attribute
    last, so that the engine reads them once for all attributes. Only for `comparative` with
    reasoning and without `joint`. Suits banks that label few attributes, each on all responses."""
    seed: Annotated[int, Field(ge=0, lt=2**31), WHOLE] = 0
    """Seed for samples and random orders. Equal seeds give equal samples up to the engine's
    arithmetic: with vLLM, results depend slightly on the other prompts in a batch."""

    @model_validator(mode="after")
    def _samples_must_differ(self) -> Scoring:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("all samples are the same at temperature 0: use a higher temperature")
        return self

    @property
    def judges(self) -> list[Scoring]:
        """The same for each judge: one, or the members of a committee."""
        if not isinstance(self.model, list):
            return [self]
        return [
            self.model_copy(
                update={"model": judge}
                if isinstance(judge, str)
                else {"model": None} | judge.model_dump(exclude_none=True)
            )
            for judge in self.model
        ]


class ScorerRequest(Closed):
    """The attributes to score, and how to score them."""

    attribute_set: Name = "helpsteer2"
    """Attribute set that defines the names in `attributes`."""
    attributes: list[AttributeRef] | None = Field(None, min_length=1, max_length=50)
    """Names in the attribute set, or attributes defined inline. By default, `/score` scores the
    whole set and `/select` the attributes of the target."""
    scoring: Scoring = Field(default_factory=Scoring)


class ScoreRequest(ScorerRequest):
    """A scenario to score."""

    question: Text
    """What the candidates respond to."""
    responses: list[ResponseIn] = Field(min_length=1, max_length=MAX_CANDIDATES)
    """1 to 26 candidates: strings, or objects with `id` and `text`. Methods that look at each
    candidate alone and write nothing (`probe`, `kaleido`, `reward_model`) take up to 1,000."""
    calibration: Name = "auto"
    """Name of a calibration; `auto` for the latest one that was fitted for this scorer and covers
    all the attributes, if any; `none` for the scores of the model."""
    missing_judges: Literal["refuse", "leave_out"] = "refuse"
    """What to do if a judge of a committee has no workers, fails, or is late: `refuse` answers with
    a problem that names it; `leave_out` scores with the others, lists it in `left_out`, and gives
    the scores that they have as a committee of their own, calibrated as such."""
    show_judges: Flag = False
    """Whether `judges` in the answer has the cells of each judge of a committee."""
    hostile: Literal["ignore", "flag"] | None = None
    """`flag`: the answer lists candidates that look like attacks on the judge, in `hostile`. Scores
    and selections are the same either way. Default: the service's `AZIMUTH_HOSTILE`."""
    deadline_s: Number | None = Field(None, gt=0, allow_inf_nan=False)
    """Seconds after which the scores are no longer needed. Work that has not begun is dropped."""
