"""Selection options of a request, as domain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from app.domain.names import normalised
from app.domain.selection.distance import Distance
from app.domain.selection.distributions import DISTRIBUTION_METRICS, Decisions, drawn
from app.domain.selection.targets import Bounds, Wish, settled
from app.domain.selection.uncertainty import Limits
from app.selection.requests import (
    BoundsIn,
    DistributionIn,
    RetargetRequest,
    SelectionOptions,
    SelectRequest,
    WishIn,
)

_T = TypeVar("_T")


class Options(Struct, frozen=True):
    """The selection options of a request to `/select` or `/retarget`."""

    weights: Mapping[str, float]
    metric: Distance
    covariance_bank: str | None
    limits: Limits
    explain: bool
    ignore_unscored: bool
    calibration: str
    """A name, `auto` or `none`."""
    probabilities: bool
    """Whether to compute probabilities, which takes thousands of draws."""
    compact: bool = False
    """Whether to return only the indices of selected candidates."""
    history: Mapping[str, Sequence[float]] = {}
    """Attribute -> scores of earlier choices."""
    relevance: Sequence[Mapping[str, float]] = ()
    """For each score set, attribute -> what its weight is multiplied by; empty for 1."""
    seed: int = 0
    """For values drawn from distributions."""

    @property
    def one_by_one(self) -> bool:
        """Whether each pair is computed separately, for draws or an explanation."""
        return self.explain or self.probabilities

    @classmethod
    def plain(cls, calibration: str) -> Options:
        """Options with which nothing but the scores matters."""
        return cls({}, "euclidean", None, Limits(), False, False, calibration, False)

    @classmethod
    def of(cls, request: SelectRequest | RetargetRequest) -> Options:
        """The options of a request."""
        chosen = request.selection
        return cls(
            weights=named(chosen.weights or {}),
            metric=chosen.distance,
            covariance_bank=chosen.covariance_bank,
            limits=Limits(chosen.min_probability, chosen.min_margin, chosen.max_distance),
            explain=bool(chosen.explain),
            ignore_unscored=chosen.on_unscored == "ignore",
            calibration=request.calibration,
            probabilities=isinstance(request, SelectRequest) or _needs_probabilities(chosen),
            compact=isinstance(request, RetargetRequest) and request.compact,
            history=named(chosen.history or {}),
            relevance=_relevance(request),
            seed=chosen.seed,
        )


def _relevance(request: SelectRequest | RetargetRequest) -> list[dict[str, float]]:
    given = request.relevance
    if given is None or given == "judge":
        return []
    return [named(one) for one in ([given] if isinstance(given, dict) else given)]


def _needs_probabilities(options: SelectionOptions) -> bool:
    return bool(options.explain) or options.min_probability is not None


def wishes(target: Mapping[str, WishIn] | None) -> dict[str, Wish]:
    """A request's target as domain values, with names in composed form (NFC)."""
    return {
        name: wish if isinstance(wish, float | int) else _wish(wish)
        for name, wish in named(target or {}).items()
    }


def _wish(wish: BoundsIn | DistributionIn) -> Wish:
    if isinstance(wish, BoundsIn):
        return Bounds(*wish.bounds)
    return Decisions(tuple(wish.values))


def settle(
    targets: Sequence[Mapping[str, Wish]], options: Options
) -> tuple[Sequence[Mapping[str, Wish]], list[dict[str, float]]]:
    """The targets, and for each what was drawn from its distributions, which that replaces.

    Nothing is drawn, and the second is empty, without distributions, and for distances between
    distributions, which take them as they are.
    """
    distributed = any(isinstance(wish, Decisions) for one in targets for wish in one.values())
    if not distributed or options.metric in DISTRIBUTION_METRICS:
        return targets, []
    draws = drawn(targets, options.seed)
    return settled(targets, draws), draws


def named(values: Mapping[str, _T]) -> dict[str, _T]:
    """Values by attribute name, with names in composed form (NFC)."""
    return {normalised(name): value for name, value in values.items()}
