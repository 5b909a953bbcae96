"""Answers of `/score`, `/select`, `/retarget` and `/score-sets`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.domain.cells import UnscoredReason
from app.domain.hostile.rules import Reason as HostileReason
from app.http.schemas import Problem
from app.people.schemas import PeopleOut
from app.schema import Maybe, Open
from app.scoring.schemas import ScorersOut
from app.selection.schemas import CalibrationRefOut, CandidateOut, SelectionOut


class CalibratedScoreOut(Open):
    """A calibrated score: the expected label."""

    score: float
    """In [0, 1]."""
    standard_error: float
    """Root mean square error of such scores, from cross-validation on the labelled bank."""


class ValenceOut(Open):
    """Kaleido's probabilities that a response supports a value, opposes it, or could do either."""

    supports: float
    either: float
    opposes: float


class CandidateScoreOut(Open):
    """One candidate's score on one attribute."""

    index: int
    score: float
    """The model's score, the mean over samples and orders, in [0, 1]; with method `probe`, the
    calibrated score; of a committee, the mean of its judges' scores, or the calibrated score if one
    of them reads states."""
    spread: float
    """Standard deviation over samples and orders; of a committee, over its judges."""
    calibrated: Maybe[CalibratedScoreOut] = None
    """The calibrated score; absent without a calibration."""
    standard_error: Maybe[float] = None
    """Standard error of `score`, from samples and orders, or without reasoning from the digit
    probabilities; absent for a single answer, whose error is unknown. Of a committee, from the
    disagreement of its judges, and from the standard errors that these have."""
    reasoning: Maybe[str] = None
    """The sentence that the model wrote before the score."""
    values: Maybe[list[float]] = None
    """With several samples or orders: the individual scores, grouped by order. Of a committee: the
    score of each judge, in the order of `judges`."""
    digit_probabilities: Maybe[list[float]] = None
    """Without reasoning: the model's probabilities of the digits 0 to 4, among all tokens."""
    digit_mass: Maybe[float] = None
    """Sum of `digit_probabilities`: the probability that the model answers with a digit. If it is
    low, the score is unreliable."""
    valence: Maybe[ValenceOut] = None
    """With method `kaleido`."""
    reward: Maybe[float] = None
    """With method `reward_model`: the model's scalar."""


class ExampleOut(Open):
    """A bank example that was shown in the prompt."""

    id: str
    similarity: float
    """Cosine similarity of its question to the scenario's question, in [-1, 1]."""
    score: Maybe[float] = None
    """For a group, what its retrieval ranks by: with `similar` the similarity; with `spica` the
    mismatch that the measures predict (less is better; given weights have no constant); with
    `expected` the distance from the ratings to expect (less is better), in points of the scale."""
    stability: Maybe[float] = None
    """For a group: how much its raters agree about the example (equation 3 of SPICA's paper)."""
    contrast: Maybe[float] = None
    """For a group: how opinionated its raters are about the example (equation 5)."""


class ReachOut(Open):
    """How many examples of its bank a group's retrieval uses."""

    questions: int
    """Questions of the bank that were tried, each without its own scenario."""
    examples: int
    """Different scenarios that come first for them."""
    top_share: float
    """Share of the questions for which one of the three commonest examples comes first."""


class UsageOut(Open):
    """Number of tokens."""

    prompt_tokens: int
    cached_prompt_tokens: int
    output_tokens: int


class CellTimingsOut(Open):
    """Time spent on a cell, in milliseconds."""

    queue: float
    retrieval: float
    engine: float


class ScoredCellOut(Open):
    """An attribute with its scores, or a choice of a candidate."""

    status: Literal["scored"]
    attribute: str
    """The attribute's name; `(choice)` for a choice, `(states)` for states."""
    kind: Literal["score", "choice", "states"]
    """In a `choice`, `scores` are shares of votes, which cannot be compared with a target. `states`
    are hidden states of the judge, without scores, because no calibration was asked for or there
    is none."""
    definition_id: str
    """The attribute's name and a digest of its definition. Identifies the cell."""
    cached: bool
    """Whether the cell was in the cache when the request arrived."""
    scores: list[CandidateScoreOut]
    """One score per candidate, in the order of the request; none for `states`."""
    examples: list[ExampleOut]
    """Examples in the prompt, most similar first; for a group, those first that suit it best."""
    reach: Maybe[ReachOut] = None
    """For a group: how many examples its retrieval uses."""
    examples_dropped: list[str]
    """Ids of examples left out because the prompt would exceed the model's context length."""
    levels_uncovered: list[float]
    """Label levels that no example in the prompt has."""
    answers_discarded: int
    """Number of invalid answers, which are left out of the mean."""
    position_bias: Maybe[float] = None
    """With several `orders`: change of a score (in a choice: of a share of votes) if its candidate
    moves from the first place in the prompt to the last. The bias cancels in the mean if every
    candidate takes the places equally often, as 2 candidates do in 2 orders."""
    usage: UsageOut
    """Tokens used to score the cell, also if it is cached."""
    timings_ms: CellTimingsOut
    """Time taken to score the cell, while other work ran at the same time."""


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
    """With `context-overflow`: tokens reserved for the answer."""
    context_length: Maybe[int] = None
    """With `context-overflow`: context length of the model."""


class PendingCellOut(Open):
    """An attribute that is still being scored."""

    status: Literal["pending"]
    attribute: str
    definition_id: str


CellOut = Annotated[ScoredCellOut | UnscoredCellOut | PendingCellOut, Field(discriminator="status")]
"""One cell; `status` distinguishes the variants."""


MethodReason = Maybe[str]


class JudgeOut(Open):
    """A judge of a committee, and its part of a score set."""

    score_set_id: str
    """Its own score set, which it has also when it is asked alone."""
    fingerprint: str
    """Of its scorer."""
    model: str
    method: str
    cells: Maybe[list[CellOut]] = None
    """What it gave, without a calibration; absent unless the request asks for it."""


class LeftOutOut(Open):
    """A judge of a committee that was left out."""

    model: str
    method: str
    detail: str
    """Why."""


class ScoreSetOut(Open):
    """The scores of one scenario under one scorer, or under those of a committee."""

    id: str
    """Identifies the scores, and the caller's ids and order of candidates."""
    status: Literal["complete", "partial", "pending"]
    """`pending`: some cells are still being scored. `partial`: some are unscored."""
    candidates: list[CandidateOut]
    cells: list[CellOut]
    scorer: ScorersOut
    judges: Maybe[list[JudgeOut]] = None
    """The judges of a committee; absent for a single judge."""
    left_out: Maybe[list[LeftOutOut]] = None
    """Judges of the committee that are missing from these scores; absent if all are there."""
    calibration: Maybe[CalibrationRefOut] = None
    """The calibration of the `calibrated` scores; absent if there is none."""
    method_reason: MethodReason = None
    """Why the service chose the method in `scorer`; absent if the request named it, or if the
    service has one method for all (`AZIMUTH_DEFAULT_METHOD`)."""
    warnings: list[str]


class HostileOut(Open):
    """A candidate that looks like an attack on the judge. Its score is what the judge gave."""

    index: int
    id: str
    reasons: list[HostileReason]
    """What it has that an attack has: template tokens, turns of another conversation, the judge's
    own form of answer, pleas for a score or instructions in one of twenty languages, marks that
    prompts set texts off with, look-alikes or hidden characters, or pages of repetition."""


Hostile = Maybe[list[HostileOut]]


class TimingsOut(Open):
    """Milliseconds: the longest among the cells scored for this request; `total` is the whole
    request."""

    queue: float = 0
    retrieval: float = 0
    engine: float = 0
    total: float = 0


class ScoreOut(ScoreSetOut):
    """A score set, with the cost of the request."""

    usage: UsageOut
    """Tokens of the cells that were scored for this request. Cached cells use none."""
    timings_ms: TimingsOut
    hostile: Hostile = None
    """Candidates that look like attacks, in the order of the request; absent unless the request
    asks for it."""


class PendingOut(Open):
    """Scoring is in progress."""

    score_set_id: str
    status: Literal["pending"] = "pending"
    location: str
    """URL path to poll."""
    detail: str
    method_reason: MethodReason = None
    """Why the service chose the method; absent if it did not."""
    hostile: Hostile = None
    """Candidates that look like attacks; absent unless the request asks for it."""


class SelectOut(Open):
    """The selection, its scores, and the cost of the request."""

    selection: SelectionOut
    score_set: ScoreSetOut
    usage: UsageOut
    """Tokens of the cells that were scored for this request. Cached cells use none."""
    timings_ms: TimingsOut
    hostile: Hostile = None
    """Candidates that look like attacks, in the order of the request; absent unless the request
    asks for it."""


class PeopleSelectOut(Open):
    """The selection for a person, a group or groups, and what they are expected to prefer."""

    selection: SelectionOut
    people: PeopleOut
    score_set: Maybe[ScoreSetOut] = None
    """The scores of the attributes that the request names; absent without any."""
    usage: UsageOut
    timings_ms: TimingsOut
    warnings: list[str]
    hostile: Hostile = None
    """Candidates that look like attacks; absent unless the request asks for it."""


class SelectedPairOut(Open):
    """The selection for one pair of score set and target."""

    score_set_id: str
    target_index: int
    selection: SelectionOut


class FailedPairOut(Open):
    """The problem of one pair of score set and target."""

    score_set_id: str
    target_index: int
    problem: Problem


class FailedPairsOut(Open):
    """The problem of some targets for one score set."""

    score_set_id: str
    target_indices: list[int]
    problem: Problem


class RetargetOut(Open):
    """A selection or a problem for each pair of score set and target."""

    pairs: list[SelectedPairOut | FailedPairOut]
    """All pairs: the targets of the first score set, then those of the second, and so on."""
    warnings: list[str]
    """Warnings about score sets, without duplicates."""
    timings_ms: TimingsOut


class CompactRetargetOut(Open):
    """Selections as indices."""

    selected: list[list[int | None]]
    """One list per score set with the selected index for each target; null for a problem or an
    abstention."""
    calibrations: list[CalibrationRefOut | None]
    """The calibration of each score set; null if its scores are raw."""
    drawn: Maybe[list[dict[str, float]]] = None
    """For each target, attribute -> the value drawn from its distribution; absent if nothing is."""
    problems: list[FailedPairsOut]
    """Problems by score set, with the targets that they concern."""
    warnings: list[str]
    """Warnings about score sets, without duplicates."""
    timings_ms: TimingsOut
