"""What a request means: its method and attributes, its judges, and their plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.methods import MethodTraits
from app.domain.plan import ScorePlan
from app.domain.scenario import Attribute, AttributeSet, Choice
from app.domain.score_set import LeftOut
from app.domain.scorer import Scorer
from app.domain.selection.targets import Wish
from app.store.fleet import Pool


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request's method and attributes, resolved without a model."""

    traits: MethodTraits
    attribute_set: AttributeSet
    attributes: tuple[Attribute, ...]
    target: Mapping[str, Wish]
    method_reason: str | None = None
    """Why the service chose the method; None if it did not."""
    persona: str = ""
    """For methods that read a target: who chooses, in words."""

    @property
    def names(self) -> list[str]:
        """Names of the attributes, in the order of the request."""
        return [attribute.name for attribute in self.attributes]


@dataclass(frozen=True, slots=True)
class Judge:
    """A scorer, and the workers to run it."""

    scorer: Scorer
    pool: Pool
    live: bool
    """Whether a worker of the pool is ready right now."""


@dataclass(frozen=True, slots=True)
class PlannedScorer:
    """The judges of a request, with its attributes."""

    judges: tuple[Judge, ...]
    """One, or the members of a committee, sorted by fingerprint."""
    attributes: tuple[Attribute, ...]
    choice: Choice | None
    """For methods that choose instead of scoring."""
    warnings: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    """Judges that no worker serves."""


@dataclass(frozen=True, slots=True)
class PlannedJudge:
    """A plan of one judge, and the workers that can carry it out."""

    plan: ScorePlan
    pool: Pool
    live: bool
    """Whether a worker of the pool is ready right now."""


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A plan, and those that can carry it out."""

    plan: ScorePlan
    """Of a committee, the whole."""
    judges: tuple[PlannedJudge, ...]
    warnings: tuple[str, ...]
    method_reason: str | None = None
    """Why the service chose the method; None if it did not."""
    may_leave_out: bool = False
    """Whether judges of a committee may be left out."""
