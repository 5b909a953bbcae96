"""What `/score`, `/select` and `/retarget` take and give."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from app.domain.align import Distance
from app.domain.types import MAX_CANDIDATES, UnscoredReason


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank: it has no text but white space")
    return text


UnitInterval = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\w[\w.:-]*$")]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Open(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class BoundsIn(Closed):
    """A wish that anything within satisfies: one or both bounds, or `between`."""

    at_least: UnitInterval | None = None
    at_most: UnitInterval | None = None
    between: tuple[UnitInterval, UnitInterval] | None = None
    """The lower bound, then the upper one."""

    @model_validator(mode="after")
    def _some_range(self) -> BoundsIn:
        single = self.at_least is not None or self.at_most is not None
        if single == (self.between is not None):
            raise ValueError("give at_least, at_most or both, or else between")
        low, high = self.bounds
        if low > high:
            raise ValueError("the lower bound is above the upper one: nothing lies within")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound."""
        if self.between is not None:
            return self.between
        return (
            0.0 if self.at_least is None else self.at_least,
            1.0 if self.at_most is None else self.at_most,
        )


def _wish_kind(value: object) -> str:
    return "bounds" if isinstance(value, dict | BoundsIn) else "value"


WishIn = Annotated[
    Annotated[UnitInterval, Tag("value")] | Annotated[BoundsIn, Tag("bounds")],
    Discriminator(_wish_kind),
]
Target = Annotated[dict[str, WishIn], Field(min_length=1, max_length=100)]


class CandidateIn(Closed):
    """A candidate response with the caller's own id."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    text: Text


class AttributeIn(Closed):
    """An attribute defined in the request itself."""

    name: Name
    definition: Text
    """What the attribute means, as the model reads it."""
    low: str = ""
    """What a score of 0 looks like."""
    high: str = ""
    """What a score of 1 looks like."""
    levels: list[UnitInterval] = []
    """The values that labels of this attribute take."""


def _kind(value: object) -> str:
    return "name" if isinstance(value, str) else "object"


def _one_or_many(value: object) -> str:
    return "many" if isinstance(value, list) else "one"


ResponseIn = Annotated[
    Annotated[Text, Tag("name")] | Annotated[CandidateIn, Tag("object")], Discriminator(_kind)
]
AttributeRef = Annotated[
    Annotated[Name, Tag("name")] | Annotated[AttributeIn, Tag("object")], Discriminator(_kind)
]


class ScorerIn(Closed):
    """How scenarios shall be scored."""

    attribute_set: Name = "helpsteer2"
    attributes: list[AttributeRef] | None = Field(None, min_length=1, max_length=50)
    """Names in the attribute set, or inline attributes; all of the set by default."""
    method: str = "comparative"
    """How: `comparative` (all candidates in one prompt), `regression` (each candidate in a prompt
    of its own), `kaleido` (valence from a Kaleido model). `/select` has methods that choose without
    scoring as well: `prompt_aligned` (the model is told the target and picks), `unaligned` (it
    picks without one), `reward_model`."""
    model: str | None = None
    """Name of the model to score with; the service's default if not given."""
    bank: Name | None = None
    """Bank of in-context examples: the attribute set's own if not given; null for none."""
    examples: int = Field(5, ge=0, le=32)
    """In-context examples for each attribute; for all of them with `joint`."""
    samples: int = Field(1, ge=1, le=32)
    """Answers drawn and averaged (self-consistency)."""
    orders: int = Field(1, ge=1, le=24)
    """Presentation orders averaged over: forward and reversed first."""
    reasoning: bool = True
    """Whether the model writes a sentence before each score. Without, methods that score have it
    write nothing: the probabilities of the labels 0 to 4 are read, and their mean is the score."""
    reasoning_chars: int = Field(240, ge=20, le=2000)
    """Longest sentence of reasoning, in characters."""
    joint: bool = False
    """Ask for all attributes in one prompt and one answer, instead of in a prompt each: cheaper,
    because question and candidates are read once. Each score then depends on which attributes were
    asked for together, and is cached as such. For `comparative` with reasoning only; one attribute
    alone is asked for as ever."""
    temperature: float | None = Field(None, ge=0, le=2, allow_inf_nan=False)
    """0 (greedy) by default; 0.7 with several samples."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Another seed is another draw. The same one draws the same as far as the engine's arithmetic
    is the same: vLLM's numbers depend a little on what else is in the batch."""

    @model_validator(mode="after")
    def _samples_must_differ(self) -> ScorerIn:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("several samples at temperature 0 are all the same: give one above 0")
        return self


class ScoreRequest(ScorerIn):
    """A scenario, and how it shall be scored."""

    question: Text
    """What the candidates respond to."""
    responses: list[ResponseIn] = Field(min_length=1, max_length=MAX_CANDIDATES)
    """1 to 26 candidates: texts, or objects with `id` and `text`."""
    calibration: Name = "auto"
    """Name of a calibration; `auto` for the latest that was fitted for this very scorer and knows
    all the attributes, if there is one; `none` for scores as the model gave them."""
    deadline_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Seconds after which the scores are of no use: work not begun by then is dropped."""


class _AlignmentIn(Closed):
    """How scores are compared with a target, and what a selection must meet."""

    weights: Annotated[dict[str, Weight], Field(max_length=100)] | None = None
    """Attribute -> weight in the distance; 1 for those not named."""
    distance: Distance = "euclidean"
    """`mahalanobis` counts attributes whose labels go together only once, by the covariance of a
    bank's labels; its targets are values."""
    covariance_bank: Name | None = None
    """Bank whose labels that covariance is of; the one that the scores had examples from if not
    given."""
    explain: bool = False
    """Say what keeps the selected and the runner-up from the target, and what would flip it."""
    min_probability: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    """Select nothing when the nearest candidate is less likely than this to be the nearest. Errors
    of scores are known with several samples or orders, without reasoning, and with a calibration;
    where they are not, nothing is selected."""
    min_margin: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Select nothing when the runner-up is less than this further away."""
    max_distance: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Select nothing when even the nearest candidate is further away than this."""


class SelectRequest(_AlignmentIn, ScoreRequest):
    """A scenario and the target to select for."""

    responses: list[ResponseIn] = Field(min_length=2, max_length=MAX_CANDIDATES)
    """2 to 26 candidates: texts, or objects with `id` and `text`."""
    target: Target | None = None
    """Attribute -> desired value, or bounds to stay within (`{"at_most": 0.5}`). Attributes that
    are scored but not named here do not count. To be given, unless the method reads none
    (`unaligned`, `reward_model`)."""
    on_unscored: Literal["error", "ignore"] = "error"
    """What to do when the model gave no valid score for an attribute of the target: answer with a
    problem, or select by the others and say so in `ignored`."""


class RetargetRequest(_AlignmentIn):
    """New targets for scenarios that are scored already."""

    score_set_ids: Annotated[
        Annotated[str, Tag("one")]
        | Annotated[list[str], Field(min_length=1, max_length=10_000), Tag("many")],
        Discriminator(_one_or_many),
    ]
    """One id or many."""
    targets: Annotated[
        Annotated[Target, Tag("one")]
        | Annotated[list[Target], Field(min_length=1, max_length=200_000), Tag("many")],
        Discriminator(_one_or_many),
    ]
    """One target or many; a selection is made for every pair of score set and target."""
    calibration: Name = "auto"
    """Name of a calibration; `auto` for the latest that was fitted for a score set's scorer and
    knows the attributes of all targets, if there is one; `none` for scores as the model gave them.
    All targets of a score set are compared with the same scores, calibrated or not."""
    compact: bool = False
    """Answer with indices only: `selected[i][j]` for score set i and target j; null where there is
    a problem or a limit is missed."""

    @model_validator(mode="after")
    def _full_answers_tell_more(self) -> RetargetRequest:
        if self.compact and (self.explain or self.min_probability is not None):
            raise ValueError("compact answers neither explain nor know probabilities")
        return self


class CandidateOut(Open):
    """A candidate's place in the request and its id."""

    index: int
    id: str


class RankedOut(CandidateOut):
    """A candidate and its distance from the target."""

    distance: float | None
    """Null for methods that choose without scoring."""
    preference: float | None = None
    """For those: the share of the votes that the candidate got, or for a reward model the
    probability that it is the preferred one (Bradley-Terry). Over all different texts they add
    up to 1."""
    probability: float | None = None
    """How likely it is the nearest to the target, by the scores' standard errors; null where these
    are not known. Candidates with the same text are one, and each of them tells its probability.
    `/retarget` tells it with `explain` or `min_probability` only."""


class CalibratedScoreOut(Open):
    """The expected label, by a calibration."""

    score: float
    """In [0, 1]."""
    standard_error: float
    """How far labels lie from such scores, by cross-validation on the labelled bank."""


class CandidateScoreOut(Open):
    """One candidate's score on one attribute."""

    index: int
    score: float
    """In [0, 1]: the mean over samples and orders, as the model gave it."""
    calibrated: CalibratedScoreOut | None = None
    """Given everything that the scorer saw, the label to expect; null without a calibration."""
    spread: float
    """Standard deviation over samples and orders."""
    standard_error: float | None = None
    """Of the score: from samples and orders, or the label's own deviation without reasoning; null
    for a single answer, which tells none."""
    reasoning: str | None = None
    values: list[float] | None = None
    """With several samples or orders: each single score, orders first."""
    raw: list[float] | None = None
    """Of a reward model: the reward. Of Kaleido: the probabilities of supports, either, opposes.
    Without reasoning: those of the labels 0 to 4, among all words that the model could say."""
    label_mass: float | None = None
    """Without reasoning: the probability that the model would answer with a label at all. Where it
    is low, the score says little."""


class ExampleOut(Open):
    """An example that was in the prompt."""

    id: str
    similarity: float


class UnscoredOut(Open):
    """Why a cell has no scores."""

    reason: UnscoredReason
    detail: str
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    context_length: int | None = None


class UsageOut(Open):
    """Tokens."""

    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    output_tokens: int = 0


class CellTimingsOut(Open):
    """Milliseconds that one cell took."""

    queue: float = 0
    retrieval: float = 0
    engine: float = 0


class CellOut(Open):
    """One attribute of the scenario, or a choice among its candidates."""

    attribute: str
    """The attribute's name; `(choice)` for a choice."""
    kind: Literal["score", "choice"] = "score"
    """Of a `choice`, `scores` are shares of votes, which no target can be compared with."""
    definition_id: str
    """The attribute's name with a digest of its definition: addresses exactly this cell."""
    status: Literal["scored", "unscored", "pending", "lost"]
    cached: bool
    """Whether it was in the cache when the request came."""
    scores: list[CandidateScoreOut] = []
    examples: list[ExampleOut] = []
    examples_dropped: list[str] = []
    """Ids of examples left out because the prompt would not fit the model's context."""
    levels_uncovered: list[float] = []
    """Label levels that none of the examples shows."""
    answers_discarded: int = 0
    """Answers of the model that were not valid and so are not in the mean."""
    position_bias: float | None = None
    """With several `orders`: how much a score (of a choice: a share of votes) changes when its
    candidate moves from the first place in the prompt to the last. The orders' mean is free of it
    as far as they balance: with 2 orders, 2 candidates are."""
    unscored: UnscoredOut | None = None
    usage: UsageOut | None = None
    """What scoring this cell took when it was scored."""
    timings_ms: CellTimingsOut | None = None
    """How long that took, other work being under way beside it."""


class BankRefOut(Open):
    """A bank at one version."""

    name: str
    digest: str


class ScorerOut(Open):
    """Everything that changes a score beside the scenario and the attribute."""

    fingerprint: str
    method: str
    model: str
    model_revision: str
    engine: str
    prompt_profile: str
    bank: BankRefOut | None
    embedder: str
    examples: int
    samples: int
    orders: int
    reasoning: bool
    reasoning_chars: int
    joint: list[str]
    """Attributes that were asked for together in one prompt; empty where each had its own."""
    temperature: float
    seed: int


class CalibrationRefOut(Open):
    """The calibration that was applied."""

    name: str
    digest: str
    """Its version."""
    basis: Literal["together", "alone"]
    """`together`: from the scores on all attributes that it knows. `alone`: not all of them are
    scored here, so each is calibrated from its own scores."""


class ScoreSetCore(Open):
    """The scores of one scenario under one scorer."""

    id: str
    """Names the scores, and the order in which you listed the candidates."""
    status: Literal["complete", "partial", "pending"]
    """`partial`: some cells are unscored or lost, see their `status`."""
    candidates: list[CandidateOut]
    cells: list[CellOut]
    scorer: ScorerOut
    calibration: CalibrationRefOut | None = None
    """What `calibrated` scores come from, and selections go by; null when scores are raw."""
    warnings: list[str] = []


class TimingsOut(Open):
    """Milliseconds; of the cells scored for this request the longest, in `total` the whole wait."""

    queue: float = 0
    retrieval: float = 0
    engine: float = 0
    total: float = 0


class ScoreSetOut(ScoreSetCore):
    """A score set, and what this request took."""

    usage: UsageOut
    """Tokens of the cells that were scored for this request; cached ones took none."""
    timings_ms: TimingsOut


class PendingOut(Open):
    """The scores are on their way."""

    score_set_id: str
    status: Literal["pending"] = "pending"
    location: str
    """Where to ask for them."""
    detail: str


class ContributionOut(CandidateOut):
    """How far one candidate lies from the target, attribute by attribute."""

    shares: dict[str, float]
    """Attribute -> share of the distance (of its square for euclidean and mahalanobis), adding up
    to 1; all 0 on the target itself."""
    reasonings: dict[str, str] = {}
    """Attribute -> what the model wrote about the candidate, where it wrote."""


class FlipOut(Open):
    """The smallest change of one desired value that makes another candidate the nearest."""

    attribute: str
    value: float
    """Where the two are equally near."""
    change: float
    """From the value asked for to that one."""
    to: CandidateOut


class ExplanationOut(Open):
    """Why the nearest candidate is the nearest."""

    contributions: list[ContributionOut]
    """Of the nearest candidate and of the runner-up."""
    flips: list[FlipOut] | None
    """Smallest change first; attributes of which no value flips the choice are not there. Null for
    manhattan and chebyshev distances and for targets with bounds."""
    never_selected: list[CandidateOut]
    """Candidates that no target over these attributes selects: they score as one listed before."""


class AbstentionOut(Open):
    """Why nothing is selected."""

    reason: Literal["min-probability", "min-margin", "max-distance"]
    limit: float
    found: float | None
    """What there was instead; null for a probability that is not known."""


class SelectionOut(Open):
    """The choice for one target."""

    selected: RankedOut | None
    """Null only where a limit of the request is missed: then `abstained` says which."""
    margin: float | None
    """Distance of the runner-up minus that of the selected; for methods that choose without
    scoring, preference of the selected minus that of the runner-up."""
    ties: list[CandidateOut]
    """Other candidates exactly as near as the selected one, which is the first listed."""
    ranking: list[RankedOut]
    abstained: AbstentionOut | None = None
    explanation: ExplanationOut | None = None


class SelectOut(SelectionOut):
    """The choice, and the scores behind it."""

    ignored: list[str] = []
    """Attributes of the target that were left out because they are unscored."""
    score_set: ScoreSetCore
    usage: UsageOut
    timings_ms: TimingsOut


class PairSelectionOut(Open):
    """The choice for one pair of score set and target, or why there is none."""

    score_set_id: str
    target_index: int
    calibration: CalibrationRefOut | None = None
    """What the scores were calibrated by; null when they are raw."""
    selected: RankedOut | None = None
    margin: float | None = None
    ties: list[CandidateOut] = []
    ranking: list[RankedOut] = []
    abstained: AbstentionOut | None = None
    explanation: ExplanationOut | None = None
    problem: dict[str, object] | None = None
    """Problem document for this pair."""


class RetargetOut(Open):
    """Selections for every pair, score sets first."""

    selections: list[PairSelectionOut]
    warnings: list[str] = []
    """What may not be as expected of some of the score sets, each told once."""
    timings_ms: TimingsOut


class CompactRetargetOut(Open):
    """Selections as indices: a list a score set, a number a target, null where there is none."""

    selected: list[list[int | None]]
    calibrations: list[CalibrationRefOut | None]
    """For each score set what its scores were calibrated by; null when they are raw."""
    problems: list[dict[str, object]]
    """Problem documents, each with `score_set_id` and the `target_indices` it concerns."""
    warnings: list[str] = []
    """What may not be as expected of some of the score sets, each told once."""
    timings_ms: TimingsOut
