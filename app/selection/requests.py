"""Bodies of selection requests: targets and selection options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Discriminator,
    Field,
    Tag,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from app.domain.scenario import MAX_CANDIDATES
from app.domain.selection.distance import Distance
from app.people.requests import MAX_GROUPS, PeopleOptions, PersonIn
from app.schema import (
    WHOLE,
    Closed,
    Flag,
    Name,
    Number,
    Reference,
    Text,
    UnitInterval,
    Weight,
    one_or_many,
)
from app.scoring.requests import ResponseIn, ScoreRequest


class BoundsIn(Closed):
    """Bounds for a score: `at_least`, `at_most` or both, or else `between`."""

    at_least: UnitInterval | None = None
    at_most: UnitInterval | None = None
    between: tuple[UnitInterval, UnitInterval] | None = None
    """The lower bound, then the upper one."""

    @model_validator(mode="after")
    def _some_range(self) -> BoundsIn:
        single = self.at_least is not None or self.at_most is not None
        if single == (self.between is not None):
            raise ValueError("set at_least, at_most or both, or else between")
        low, high = self.bounds
        if low > high:
            raise ValueError("the lower bound is above the upper bound")
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


class DistributionIn(Closed):
    """The values that past decisions had, as a distribution: `{"values": [0.2, 0.3, 0.3, 0.9]}`."""

    values: Annotated[list[UnitInterval], Field(min_length=1, max_length=1000)]
    """A group's decisions, for example. Their density has a kernel around each."""


def _wish_kind(value: object) -> str:
    if isinstance(value, DistributionIn) or (isinstance(value, dict) and "values" in value):
        return "distribution"
    return "bounds" if isinstance(value, dict | BoundsIn) else "value"


WishIn = Annotated[
    Annotated[UnitInterval, Tag("value")]
    | Annotated[BoundsIn, Tag("bounds")]
    | Annotated[DistributionIn, Tag("distribution")],
    Discriminator(_wish_kind),
]


def _each_once(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    validated = handler(value)
    if isinstance(value, dict) and isinstance(validated, dict) and len(validated) < len(value):
        raise ValueError("an attribute is named twice, in two Unicode forms")
    return validated


Target = Annotated[
    dict[Reference, WishIn], Field(min_length=1, max_length=100), WrapValidator(_each_once)
]


History = Annotated[list[UnitInterval], Field(max_length=1000)]


class SelectionOptions(Closed):
    """How to compare scores with a target, and when to abstain."""

    weights: Annotated[dict[Reference, Weight], Field(max_length=100)] | None = None
    """Attribute -> weight in the distance. The default weight is 1."""
    distance: Distance = "euclidean"
    """`mahalanobis` counts correlated attributes once, by the covariance of a bank's labels. It
    supports only values as targets, not bounds. Where a target has a distribution of values,
    `likelihood` compares each score with its density, `jensen_shannon` compares the distribution of
    the choices, those in `history` included, with it, and the others take a value drawn from it."""
    covariance_bank: Name | None = None
    """Bank for the covariance; by default the scorer's bank of examples."""
    min_probability: Number | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    """Abstain if the probability that the selected candidate is the nearest is lower than this, or
    unknown. It is known with several samples or orders, without reasoning, or with a
    calibration."""
    min_margin: Number | None = Field(None, ge=0, allow_inf_nan=False)
    """Abstain if the margin to the runner-up is smaller than this."""
    max_distance: Number | None = Field(None, ge=0, allow_inf_nan=False)
    """Abstain if the distance of the nearest candidate is larger than this."""
    history: Annotated[dict[Reference, History], Field(max_length=100)] | None = None
    """Attribute -> scores of earlier choices. `jensen_shannon` then selects the candidate with
    which all choices together come nearest to the target (cumulative alignment)."""
    seed: Annotated[int, Field(ge=0, lt=2**31), WHOLE] = 0
    """Seed for values drawn from distributions. The same seed draws the same values."""
    on_unscored: Literal["error", "ignore"] = "error"
    """If an attribute of the target is unscored: `error` answers with a problem; `ignore` selects
    by the other attributes and lists it in `ignored`."""
    explain: Flag | Literal["words"] = False
    """Whether to explain the selection: shares of the distance, and changes that would flip it.
    `words`, in `/select`: also, where scores were read and not written, have a judge write
    afterwards why the nearest candidate and the runner-up may have theirs."""


ScenarioRelevance = Annotated[dict[Reference, Weight], Field(max_length=100)]


class SelectRequest(ScoreRequest):
    """A scenario and a target."""

    responses: list[ResponseIn] = Field(min_length=2, max_length=MAX_CANDIDATES)
    """2 to 26 candidates, or up to 1,000 for `probe`, `kaleido` and `reward_model`: strings, or
    objects with `id` and `text`."""
    target: Target | None = None
    """Attribute -> desired value, or bounds (`{"at_most": 0.5}`). Other scored attributes are
    ignored. Required, except for methods without a target (`unaligned`, `reward_model`)."""
    persona: Annotated[Text, Field(max_length=8000)] | None = None
    """For `prompt_aligned`: who chooses, in words that the model reads, with a target or in place
    of one."""
    selection: SelectionOptions = Field(default_factory=SelectionOptions)
    relevance: ScenarioRelevance | Literal["judge"] | None = None
    """How relevant each attribute is for this scenario: its weight is multiplied by it. `judge`
    asks the judge, without examples, how much the question is about each attribute of the target;
    that is cached like scores. Attributes without one have 1."""
    person: PersonIn | None = None
    """In place of a target: whom to choose for, by own ratings or as a rater of `bank`. The answer
    has what the person is expected to give each candidate. Nothing is scored unless `attributes`
    are named; their scores then count as far as the bank's labels explain its ratings."""
    group: Name | None = None
    """In place of a target: the group of `bank` to choose for."""
    groups: Annotated[list[Name], Field(min_length=1, max_length=MAX_GROUPS)] | None = None
    """In place of a target: groups of `bank` to choose for fairly, by `people.fair`."""
    bank: Name | None = None
    """The bank whose ratings say what people prefer."""
    people: PeopleOptions = Field(default_factory=PeopleOptions)
    """Options for `person`, `group` and `groups`."""

    @property
    def for_people(self) -> bool:
        """Whether to choose for people rather than for a target."""
        wished = (self.person, self.group, self.groups)
        return any(one is not None for one in wished)

    @model_validator(mode="after")
    def _one_wish(self) -> SelectRequest:
        given = [n for n in ("person", "group", "groups") if getattr(self, n) is not None]
        if not given:
            stray = [n for n in ("bank", "people") if n in self.model_fields_set]
            if stray:
                raise ValueError(f"{stray[0]} goes with a person, a group or groups")
            return self
        if self.target is not None or "selection" in self.model_fields_set:
            given += [n for n in ("target", "selection") if n in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} cannot be combined: choose for one of them")
        if self.bank is None:
            raise ValueError(f"{given[0]} needs the name of a bank with ratings, in bank")
        return self


class RetargetRequest(Closed):
    """New targets for cached score sets."""

    score_set_ids: Annotated[
        Annotated[str, Tag("one")]
        | Annotated[list[str], Field(min_length=1, max_length=10_000), Tag("many")],
        Discriminator(one_or_many),
    ]
    """One id or a list of ids."""
    targets: Annotated[
        Annotated[Target, Tag("one")]
        | Annotated[list[Target], Field(min_length=1, max_length=200_000), Tag("many")],
        Discriminator(one_or_many),
    ]
    """One target or a list of targets. Every pair of score set and target gets a selection."""
    selection: SelectionOptions = Field(default_factory=SelectionOptions)
    calibration: Name = "auto"
    """Name of a calibration; `auto` for the latest one that was fitted for a score set's scorer and
    covers the attributes of all targets, if any; `none` for the scores of the model. All targets
    of a score set are compared with the same scores, calibrated or not."""
    relevance: Annotated[list[ScenarioRelevance], Field(max_length=10_000)] | None = None
    """For each score set, how relevant attributes are for its scenario: weights are multiplied by
    it. Attributes without one have 1."""
    compact: Flag = False
    """Whether to answer with indices only: `selected[i][j]` for score set i and target j, null if
    there is a problem or the selection abstains."""

    @model_validator(mode="after")
    def _relevance_of_each(self) -> RetargetRequest:
        count = 1 if isinstance(self.score_set_ids, str) else len(self.score_set_ids)
        if self.relevance is not None and len(self.relevance) != count:
            raise ValueError(f"relevance has {len(self.relevance)} entries for {count} score sets")
        return self

    @model_validator(mode="after")
    def _compact_answers_are_indices(self) -> RetargetRequest:
        options = self.selection
        if options.explain == "words":
            raise ValueError("explain cannot be 'words': no model is called here; use /select")
        if self.compact and (options.explain or options.min_probability is not None):
            raise ValueError("compact cannot be combined with explain or min_probability")
        return self
