"""What selection takes: targets, and how scores are compared with them."""

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
from app.schema import Closed, Name, Reference, UnitInterval, Weight, one_or_many
from app.scoring.requests import ResponseIn, ScoreRequest


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


def _each_once(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    validated = handler(value)
    if isinstance(value, dict) and isinstance(validated, dict) and len(validated) < len(value):
        raise ValueError("names an attribute twice, in two Unicode forms")
    return validated


Target = Annotated[
    dict[Reference, WishIn], Field(min_length=1, max_length=100), WrapValidator(_each_once)
]


class SelectionOptions(Closed):
    """How scores are compared with a target, and what a selection must meet."""

    weights: Annotated[dict[Reference, Weight], Field(max_length=100)] | None = None
    """Attribute -> weight in the distance; 1 for those not named."""
    distance: Distance = "euclidean"
    """`mahalanobis` counts correlated attributes once, by the covariance of a bank's labels; its
    targets are values, not bounds."""
    covariance_bank: Name | None = None
    """Bank whose labels give that covariance; by default the scorer's bank of examples."""
    min_probability: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    """Abstain when the nearest candidate is less likely than this to be the nearest. Errors of
    scores are known with several samples or orders, without reasoning, and with a calibration;
    where they are unknown, this abstains."""
    min_margin: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Abstain when the runner-up is less than this further away."""
    max_distance: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Abstain when even the nearest candidate is further away than this."""
    on_unscored: Literal["error", "ignore"] = "error"
    """When an attribute of the target has no valid score: answer with a problem, or select by the
    other attributes and list it in `ignored`."""
    explain: bool = False
    """Explain the choice: each attribute's share of the distance, and what would flip it."""


class SelectRequest(ScoreRequest):
    """A scenario and the target to select for."""

    responses: list[ResponseIn] = Field(min_length=2, max_length=MAX_CANDIDATES)
    """2 to 26 candidates: texts, or objects with `id` and `text`."""
    target: Target | None = None
    """Attribute -> desired value, or bounds to stay within (`{"at_most": 0.5}`). Attributes that
    are scored but not named here do not count. Required, unless the method reads no target
    (`unaligned`, `reward_model`)."""
    selection: SelectionOptions = SelectionOptions()


class RetargetRequest(Closed):
    """New targets for scenarios that are scored already."""

    score_set_ids: Annotated[
        Annotated[str, Tag("one")]
        | Annotated[list[str], Field(min_length=1, max_length=10_000), Tag("many")],
        Discriminator(one_or_many),
    ]
    """One id or many."""
    targets: Annotated[
        Annotated[Target, Tag("one")]
        | Annotated[list[Target], Field(min_length=1, max_length=200_000), Tag("many")],
        Discriminator(one_or_many),
    ]
    """One target or many; a selection is made for every pair of score set and target."""
    selection: SelectionOptions = SelectionOptions()
    calibration: Name = "auto"
    """Name of a calibration; `auto`: the latest one that was fitted for a score set's scorer and
    predicts the attributes of all targets, if there is one; `none`: scores as the model gave them.
    All targets of a score set are compared with the same scores, calibrated or not."""
    compact: bool = False
    """Answer with indices only: `selected[i][j]` for score set i and target j; null where there is
    a problem or the selection abstains."""

    @model_validator(mode="after")
    def _compact_answers_are_indices(self) -> RetargetRequest:
        options = self.selection
        if self.compact and (options.explain or options.min_probability is not None):
            raise ValueError("a compact answer has no explanations and no probabilities")
        return self
