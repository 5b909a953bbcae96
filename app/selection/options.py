"""Selection options of a request, as domain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct

from app.domain.names import normalised
from app.domain.selection.distance import Distance
from app.domain.selection.targets import Bounds, Wish
from app.domain.selection.uncertainty import Limits
from app.selection.requests import BoundsIn, RetargetRequest, SelectionOptions, SelectRequest

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

    @property
    def one_by_one(self) -> bool:
        """Whether each pair is computed separately, for draws or an explanation."""
        return self.explain or self.probabilities

    @classmethod
    def of(cls, request: SelectRequest | RetargetRequest) -> Options:
        """The options of a request."""
        chosen = request.selection
        return cls(
            weights=named(chosen.weights or {}),
            metric=chosen.distance,
            covariance_bank=chosen.covariance_bank,
            limits=Limits(chosen.min_probability, chosen.min_margin, chosen.max_distance),
            explain=chosen.explain,
            ignore_unscored=chosen.on_unscored == "ignore",
            calibration=request.calibration,
            probabilities=isinstance(request, SelectRequest) or _needs_probabilities(chosen),
            compact=isinstance(request, RetargetRequest) and request.compact,
        )


def _needs_probabilities(options: SelectionOptions) -> bool:
    return options.explain or options.min_probability is not None


def wishes(target: Mapping[str, float | BoundsIn] | None) -> dict[str, Wish]:
    """A request's target as domain values, with names in composed form (NFC)."""
    return {
        name: Bounds(*wish.bounds) if isinstance(wish, BoundsIn) else wish
        for name, wish in named(target or {}).items()
    }


def named(values: Mapping[str, _T]) -> dict[str, _T]:
    """Values by attribute name, with names in composed form (NFC)."""
    return {normalised(name): value for name, value in values.items()}
