"""Bodies of requests that choose for people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from app.domain.people.fairness import Fairness
from app.schema import WHOLE, Closed, Name, Number, Weight

MAX_GROUPS = 200
"""Most groups of a request."""


class OwnRatingIn(Closed):
    """One of the person's own ratings, on the bank's scale: of a response of the bank, or of a
    response of some class."""

    rating: Number = Field(ge=-1e6, le=1e6, allow_inf_nan=False)
    scenario: Annotated[str, Field(max_length=1000)] | None = None
    """Id of the bank's scenario. Ratings with the same one were given next to each other."""
    response: Annotated[int, Field(ge=0, le=10_000), WHOLE] | None = None
    """Place of the response in that scenario, from 0."""
    response_class: Name | None = None
    """Class of the response, in place of `response`. The scenario may then be any id, or none."""

    @model_validator(mode="after")
    def _what_was_rated(self) -> OwnRatingIn:
        if (self.response is None) == (self.response_class is None):
            raise ValueError("name the rated response by scenario and response, or by its class")
        if self.response is not None and self.scenario is None:
            raise ValueError("a response is one of a scenario: name the scenario as well")
        return self


class PersonIn(Closed):
    """A person: own ratings, or somebody who rated the bank."""

    ratings: Annotated[list[OwnRatingIn], Field(max_length=2000)] | None = None
    """The person's own ratings. Five scenarios say most of what can be known."""
    rater: Name | None = None
    """Name of a rater of the bank, in place of own ratings."""
    group: Name | None = None
    """The person's group in the bank: where own ratings say nothing, its means are expected."""

    @model_validator(mode="after")
    def _own_or_stored(self) -> PersonIn:
        if (self.ratings is None) == (self.rater is None):
            raise ValueError("give ratings, or else the name of a rater")
        return self


class PeopleOptions(Closed):
    """How to choose for people."""

    fair: Fairness = "maximin"
    """For several groups, which candidate is selected. `maximin`: the lowest of the groups'
    expected ratings is highest. `utilitarian`: their mean is. `nash`: the product of what they
    expect above the lowest rating is. `least_regret`: the largest loss against a group's own choice
    is smallest. The answer has the choices of all four."""
    group_weights: Annotated[dict[Name, Weight], Field(max_length=MAX_GROUPS)] | None = None
    """Group -> weight in means and products; by default 1."""
    menu: Literal[2, 3] | None = None
    """Also find the two or three candidates that together please most people."""
    candidate_classes: Annotated[list[Name | None], Field(max_length=1000)] | None = None
    """For each response its class in the bank, null where it is to be read from the text."""
