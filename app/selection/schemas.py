"""The selection in answers of `/select` and `/retarget`."""

from __future__ import annotations

from typing import Literal

from app.domain.cells import UnscoredReason
from app.domain.selection.uncertainty import AbstentionReason
from app.schema import Maybe, Open


class CandidateOut(Open):
    """A candidate: its index in the request, and its id."""

    index: int
    id: str


class RankedOut(CandidateOut):
    """A candidate in the ranking."""

    expected: Maybe[float] = None
    """For a person or a group: the rating that it is expected to get."""
    interval: Maybe[tuple[float, float]] = None
    """For a person or a group: ends between which four of five ratings lie."""
    value: Maybe[float] = None
    """For several groups: how much the rule makes of it."""

    distance: Maybe[float] = None
    """Distance from the target; absent for methods that choose without scoring."""
    preference: Maybe[float] = None
    """For methods that choose: the candidate's share of the votes, or for a reward model its
    Bradley-Terry probability. Adds up to 1 over distinct texts."""
    probability: Maybe[float] = None
    """Probability that the candidate is the nearest to the target, given the standard errors of the
    scores; absent if they are unknown. Candidates with the same text have the same probability.
    `/retarget` computes it only with `explain` or `min_probability`."""


class ContributionOut(CandidateOut):
    """A candidate's distance from the target, split by attribute."""

    shares: dict[str, float]
    """Attribute -> share of the distance (of its square for euclidean and mahalanobis). Shares add
    up to 1, or are all 0 if the candidate lies on the target."""
    reasonings: dict[str, str] = {}
    """Attribute -> the model's reasoning about the candidate, if any."""


class FlipOut(Open):
    """The smallest change of one desired value that makes another candidate the nearest."""

    attribute: str
    value: float
    """Desired value at which the two candidates are equally near."""
    change: float
    """`value` minus the desired value in the target."""
    to: CandidateOut
    """The candidate that would be selected."""


class ReasonOut(CandidateOut):
    """What a judge wrote about a score of a candidate."""

    attribute: str
    score: float
    """The score that it was shown, to two places."""
    text: str


class NoReasonOut(Open):
    """Why nothing was written about the scores on an attribute."""

    attribute: str
    reason: UnscoredReason | Literal["pending", "unavailable"]
    """`pending`: it is being written; send the request again. `unavailable`: no worker can write
    now. Else as for an unscored cell."""
    detail: str


class ReasonsOut(Open):
    """Words about scores that were read."""

    source: Literal["afterwards"]
    """They were written after the scores were read."""
    note: str
    """The same in words, for people."""
    model: Maybe[str] = None
    """The model that wrote; absent if none can."""
    engine: Maybe[str] = None
    prompt_profile: Maybe[str] = None
    """Version of the prompts."""
    written: list[ReasonOut]
    """For the nearest candidate and the runner-up, and each attribute of the target."""
    absent: list[NoReasonOut]
    """Attributes without words."""


class ExplanationOut(Open):
    """Why a candidate is the nearest, and what would change that."""

    contributions: list[ContributionOut]
    """For the nearest candidate and the runner-up."""
    flips: Maybe[list[FlipOut]] = None
    """Smallest change first; an attribute is left out if no value flips the selection. Absent for
    manhattan and chebyshev distances and for targets with bounds."""
    never_selected: list[CandidateOut]
    """Candidates that no target over these attributes selects, because an earlier candidate has the
    same scores."""
    reasons: Maybe[ReasonsOut] = None
    """Present with `explain: "words"` if scores were read. Where the judge wrote about them before
    it scored, its words are in `contributions`."""


class AbstentionOut(Open):
    """Why nothing is selected."""

    reason: AbstentionReason
    limit: float
    observed: Maybe[float] = None
    """The value that misses the limit; absent for an unknown probability."""


class CalibrationRefOut(Open):
    """The applied calibration."""

    name: str
    digest: str
    """Version of the calibration."""
    basis: Literal["together", "alone"]
    """`together`: each score is calibrated from the scores on all attributes of the calibration.
    `alone`: some of them are not scored, so each is calibrated from its own scores."""
    notice: Maybe[str] = None
    """For a built-in calibration: whose labels it was fitted on, and under which licence."""


class SelectionOut(Open):
    """The selection for one target."""

    selected: RankedOut | None
    """The selected candidate; null if the selection abstains."""
    margin: Maybe[float] = None
    """Distance of the runner-up minus distance of the selected; for methods that choose without
    scoring, and for people, how much higher the selected is than the runner-up. Absent with one
    candidate."""
    ties: list[CandidateOut]
    """Other candidates that tie with the selected one, which is the first in the request."""
    ranking: list[RankedOut]
    """All candidates, best first."""
    abstained: Maybe[AbstentionOut] = None
    """Why the selection abstains; absent if it does not."""
    explanation: Maybe[ExplanationOut] = None
    """Present with `explain`."""
    ignored: list[str] = []
    """Attributes of the target that were ignored because they are unscored."""
    drawn: Maybe[dict[str, float]] = None
    """Attribute -> the value drawn from the target's distribution; absent without distributions."""
    relevance: Maybe[dict[str, float]] = None
    """With `relevance`: attribute of the target -> what its weight was multiplied by."""
    relevance_unknown: Maybe[list[str]] = None
    """Attributes for which the judge gave no relevance, or not in time: 1 was used."""
    calibration: Maybe[CalibrationRefOut] = None
    """The calibration of the compared scores; absent if they are raw."""
