"""What `/score`, `/select`, `/retarget` and `/score-sets` answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.domain.cells import UnscoredReason
from app.http.schemas import Problem
from app.schema import Maybe, Open
from app.scoring.schemas import ScorerOut
from app.selection.schemas import CalibrationRefOut, CandidateOut, SelectionOut


class CalibratedScoreOut(Open):
    """The expected label, by a calibration."""

    score: float
    """In [0, 1]."""
    standard_error: float
    """How far labels lie from such scores, by cross-validation on the labelled bank."""


class ValenceOut(Open):
    """Kaleido's probabilities that a response supports a value, opposes it, or either."""

    supports: float
    either: float
    opposes: float


class CandidateScoreOut(Open):
    """One candidate's score on one attribute."""

    index: int
    score: float
    """In [0, 1]: the mean over samples and orders, as the model gave it."""
    spread: float
    """Standard deviation over samples and orders."""
    calibrated: Maybe[CalibratedScoreOut] = None
    """The label to expect, given everything that the scorer saw; absent without a calibration."""
    standard_error: Maybe[float] = None
    """Of the score: from samples and orders, or the digit's own deviation without reasoning; absent
    for a single answer, whose error is unknown."""
    reasoning: Maybe[str] = None
    values: Maybe[list[float]] = None
    """With several samples or orders: each single score, orders first."""
    digit_probabilities: Maybe[list[float]] = None
    """Without reasoning: the model's probabilities of the digits 0 to 4, among all tokens."""
    digit_mass: Maybe[float] = None
    """Their sum: the probability that the model would answer with a digit at all. Where it is low,
    the score means little."""
    valence: Maybe[ValenceOut] = None
    """Of Kaleido."""
    reward: Maybe[float] = None
    """Of a reward model."""


class ExampleOut(Open):
    """An example that was in the prompt."""

    id: str
    similarity: float


class UsageOut(Open):
    """Tokens."""

    prompt_tokens: int
    cached_prompt_tokens: int
    output_tokens: int


class CellTimingsOut(Open):
    """Milliseconds that one cell took."""

    queue: float
    retrieval: float
    engine: float


class ScoredCellOut(Open):
    """An attribute with its scores, or a choice among the candidates."""

    status: Literal["scored"]
    attribute: str
    """The attribute's name; `(choice)` for a choice."""
    kind: Literal["score", "choice"]
    """Of a `choice`, `scores` are shares of votes, which no target can be compared with."""
    definition_id: str
    """The attribute's name with a digest of its definition: addresses exactly this cell."""
    cached: bool
    """Whether it was in the cache when the request came."""
    scores: list[CandidateScoreOut]
    examples: list[ExampleOut]
    examples_dropped: list[str]
    """Ids of examples left out because the prompt would not fit the model's context."""
    levels_uncovered: list[float]
    """Label levels that none of the examples shows."""
    answers_discarded: int
    """Answers of the model that were invalid and so are not in the mean."""
    position_bias: Maybe[float] = None
    """With several `orders`: how much a score (of a choice: a share of votes) changes when its
    candidate moves from the first place in the prompt to the last. The mean over orders is free of
    it as far as they balance: with 2 orders, 2 candidates are."""
    usage: UsageOut
    """What scoring this cell took when it was scored."""
    timings_ms: CellTimingsOut
    """How long that took, with other work under way at the same time."""


class UnscoredCellOut(Open):
    """An attribute without scores, and why."""

    status: Literal["unscored"]
    attribute: str
    definition_id: str
    reason: UnscoredReason
    detail: str
    prompt_tokens: Maybe[int] = None
    """With `context-overflow`: tokens of the prompt without examples."""
    output_tokens: Maybe[int] = None
    """With `context-overflow`: tokens kept free for the answer."""
    context_length: Maybe[int] = None
    """With `context-overflow`: tokens that the model can take."""


class PendingCellOut(Open):
    """An attribute that is still being scored."""

    status: Literal["pending"]
    attribute: str
    definition_id: str


CellOut = Annotated[ScoredCellOut | UnscoredCellOut | PendingCellOut, Field(discriminator="status")]
"""One cell, told apart by `status`."""


class ScoreSetOut(Open):
    """The scores of one scenario under one scorer."""

    id: str
    """Names the scores, and the order in which you listed the candidates."""
    status: Literal["complete", "partial", "pending"]
    """`partial`: some cells are unscored."""
    candidates: list[CandidateOut]
    cells: list[CellOut]
    scorer: ScorerOut
    calibration: Maybe[CalibrationRefOut] = None
    """What `calibrated` scores come from; absent when scores are raw."""
    warnings: list[str]


class TimingsOut(Open):
    """Milliseconds; of the cells scored for this request the longest, in `total` the whole wait."""

    queue: float = 0
    retrieval: float = 0
    engine: float = 0
    total: float = 0


class ScoreOut(ScoreSetOut):
    """A score set, and what this request took."""

    usage: UsageOut
    """Tokens of the cells that were scored for this request; cached ones took none."""
    timings_ms: TimingsOut


class PendingOut(Open):
    """The scores are being made."""

    score_set_id: str
    status: Literal["pending"] = "pending"
    location: str
    """Where to ask for them."""
    detail: str


class SelectOut(Open):
    """The choice, the scores behind it, and what this request took."""

    selection: SelectionOut
    score_set: ScoreSetOut
    usage: UsageOut
    """Tokens of the cells that were scored for this request; cached ones took none."""
    timings_ms: TimingsOut


class SelectedPairOut(Open):
    """The choice for one pair of score set and target."""

    score_set_id: str
    target_index: int
    selection: SelectionOut


class FailedPairOut(Open):
    """Why there is no choice for one pair of score set and target."""

    score_set_id: str
    target_index: int
    problem: Problem


class FailedPairsOut(Open):
    """Why there is no choice for some targets of one score set."""

    score_set_id: str
    target_indices: list[int]
    problem: Problem


class RetargetOut(Open):
    """Every pair of score set and target, score sets first."""

    pairs: list[SelectedPairOut | FailedPairOut]
    warnings: list[str]
    """About some of the score sets, each once."""
    timings_ms: TimingsOut


class CompactRetargetOut(Open):
    """Selections as indices."""

    selected: list[list[int | None]]
    """A list a score set, an index a target; null for a problem or an abstention."""
    calibrations: list[CalibrationRefOut | None]
    """For each score set what its scores were calibrated by; null when they are raw."""
    problems: list[FailedPairsOut]
    warnings: list[str]
    """About some of the score sets, each once."""
    timings_ms: TimingsOut
