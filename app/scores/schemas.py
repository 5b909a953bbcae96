"""What `/score`, `/select` and `/retarget` answer."""

from __future__ import annotations

from typing import Literal

from app.domain.cells import UnscoredReason
from app.schema import Open
from app.scoring.schemas import ScorerOut


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
