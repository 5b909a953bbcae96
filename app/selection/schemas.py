"""What a selection looks like: the object that `/select` and each pair of `/retarget` answer."""

from __future__ import annotations

from typing import Literal

from app.schema import Maybe, Open


class CandidateOut(Open):
    """A candidate's place in the request and its id."""

    index: int
    id: str


class RankedOut(CandidateOut):
    """A candidate and how well it suits the target."""

    distance: Maybe[float] = None
    """Distance from the target; absent for methods that choose without scoring."""
    preference: Maybe[float] = None
    """For those methods: the candidate's share of the votes, or for a reward model the probability
    that it is the preferred one (Bradley-Terry). Adds up to 1 over all different texts."""
    probability: Maybe[float] = None
    """How likely it is the nearest to the target, by the scores' standard errors; absent where
    these are unknown. Candidates with the same text count as one and share its probability.
    `/retarget` computes it with `explain` or `min_probability` only."""


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
    flips: Maybe[list[FlipOut]] = None
    """Smallest change first; attributes that no value of flips the choice are left out. Absent for
    manhattan and chebyshev distances and for targets with bounds."""
    never_selected: list[CandidateOut]
    """Candidates that no target over these attributes selects: they score as one listed before."""


class AbstentionOut(Open):
    """Why nothing is selected."""

    reason: Literal["min-probability", "min-margin", "max-distance"]
    limit: float
    observed: Maybe[float] = None
    """The value that misses the limit; absent for a probability that is unknown."""


class CalibrationRefOut(Open):
    """The calibration that was applied."""

    name: str
    digest: str
    """Its version."""
    basis: Literal["together", "alone"]
    """`together`: from the scores on all attributes that it predicts. `alone`: not all of them are
    scored here, so each is calibrated from its own scores."""


class SelectionOut(Open):
    """The choice for one target."""

    selected: RankedOut | None
    """Null only when the selection abstains: then `abstained` says why."""
    margin: Maybe[float] = None
    """Distance of the runner-up minus that of the selected; for methods that choose without
    scoring, preference of the selected minus that of the runner-up. Absent with one candidate."""
    ties: list[CandidateOut]
    """Other candidates exactly as near as the selected one, which is the first listed."""
    ranking: list[RankedOut]
    """All candidates, best first."""
    abstained: Maybe[AbstentionOut] = None
    explanation: Maybe[ExplanationOut] = None
    ignored: list[str] = []
    """Attributes of the target that were left out because they are unscored."""
    calibration: Maybe[CalibrationRefOut] = None
    """What the compared scores were calibrated by; absent when they are raw."""
