"""Targets, and their representation as arrays. Pure.

Shapes: `T` targets, `A` attributes. Desired values are in [0, 1], like scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from app.domain.arrays import Floats
from app.domain.selection.distributions import Decisions, DistributionMetric, Uniform, curve


class Bounds(Struct, frozen=True):
    """An interval of desired scores, bounds included."""

    low: float = 0.0
    high: float = 1.0


Settled = float | Bounds
"""A value to be near to, or bounds to stay within."""
Wish = Settled | Decisions
"""A target's demand on one attribute: a value to be near to, bounds to stay within, or a
distribution of values."""


class WeightlessTarget(ValueError):
    """Every attribute of a target has weight 0, so all candidates would tie."""


class TargetMatrix(Struct, frozen=True):
    """Targets as arrays. An attribute that a target does not name has weight 0 in it."""

    attributes: tuple[str, ...]
    """Names of the `A` columns: all attributes named by any of the targets."""
    values: Floats
    """(T, A), desired values or lower bounds; 0 for attributes not named."""
    weights: Floats
    """(T, A), not negative; 0 for attributes not named."""
    named: NDArray[np.bool_]
    """(T, A), whether the target names the attribute (its weight may still be 0)."""
    upper: Floats | None = None
    """(T, A), desired values or upper bounds; None if no target has bounds."""
    alike: bool = False
    """Whether all targets are known to name all attributes."""
    curves: Floats | None = None
    """(T, A, GRID), what each score adds to a distance between distributions, before weights; None
    for the other distances."""

    @property
    def counting(self) -> NDArray[np.bool_]:
        """(T, A), whether the attribute has a positive weight in the target."""
        return self.weights > 0

    def without(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> TargetMatrix:
        """The targets, with the attributes in `columns` removed from the targets in `rows`."""
        if not len(rows):
            return self
        chosen = np.ix_(rows, columns)
        weights, named = self.weights.copy(), self.named.copy()
        weights[chosen] = 0.0
        named[chosen] = False
        return TargetMatrix(
            self.attributes, self.values, weights, named, self.upper, curves=self.curves
        )

    def part(self, rows: NDArray[np.intp], columns: NDArray[np.intp] | None = None) -> TargetMatrix:
        """The targets in `rows`, over the attributes in `columns` (None: all)."""
        if columns is None:
            columns = np.arange(len(self.attributes))
        chosen = np.ix_(rows, columns)
        return TargetMatrix(
            tuple(self.attributes[a] for a in columns),
            self.values[chosen],
            self.weights[chosen],
            self.named[chosen],
            None if self.upper is None else self.upper[chosen],
            curves=None if self.curves is None else self.curves[chosen],
        )


def weighed(matrix: TargetMatrix, relevance: Mapping[str, float]) -> TargetMatrix:
    """The targets with weights times the relevance of their attributes for one scenario.

    A target whose attributes are all irrelevant keeps its weights: something has to decide.
    """
    factors = np.array([relevance.get(name, 1.0) for name in matrix.attributes])
    weights = matrix.weights * factors
    nothing = ~weights.any(axis=1)
    weights[nothing] = matrix.weights[nothing]
    return replace(matrix, weights=weights)


def with_curves(
    targets: Sequence[Mapping[str, Wish]],
    weights: Mapping[str, float] | None,
    metric: DistributionMetric,
    history: Mapping[str, Sequence[float]] | None = None,
) -> TargetMatrix:
    """Targets for a distance between distributions: a value is one decision, bounds are uniform.

    `history` has the scores of earlier choices by attribute. Raises `WeightlessTarget`.
    """
    curve_of: dict[tuple[str, Wish], Floats] = {}
    for target in targets:
        for name, wish in target.items():
            if (name, wish) not in curve_of:
                earlier = (history or {}).get(name, ())
                curve_of[name, wish] = curve(_distribution(wish), metric, earlier)
    plain: list[dict[str, Settled]] = [dict.fromkeys(target, 0.0) for target in targets]
    matrix = target_matrix(plain, weights)
    grid = len(next(iter(curve_of.values()), np.zeros(1)))
    curves = np.zeros((*matrix.values.shape, grid))
    column = {name: index for index, name in enumerate(matrix.attributes)}
    for row, target in enumerate(targets):
        for name, wish in target.items():
            curves[row, column[name]] = curve_of[name, wish]
    return replace(matrix, curves=curves)


def _distribution(wish: Wish) -> Decisions | Uniform:
    if isinstance(wish, Bounds):
        return Uniform(wish.low, wish.high)
    return wish if isinstance(wish, Decisions) else Decisions((wish,))


def settled(
    targets: Sequence[Mapping[str, Wish]], draws: Sequence[Mapping[str, float]] = ()
) -> list[dict[str, Settled]]:
    """The targets with what was drawn, one of `draws` a target, in place of distributions."""
    plain: list[dict[str, Settled]] = []
    for number, target in enumerate(targets):
        wishes: dict[str, Settled] = {}
        for name, wish in target.items():
            wishes[name] = draws[number][name] if isinstance(wish, Decisions) else wish
        plain.append(wishes)
    return plain


def target_matrix(
    targets: Sequence[Mapping[str, Settled]], weights: Mapping[str, float] | None = None
) -> TargetMatrix:
    """Convert targets (attribute -> value or bounds) and weights (attribute -> weight) to arrays.

    Weights default to 1. Raises `WeightlessTarget`. Distributions are drawn from beforehand, or
    become curves (`with_curves`).
    """
    attributes = tuple(dict.fromkeys(name for target in targets for name in target))
    if all(tuple(target) == attributes for target in targets):
        return _alike(targets, attributes, weights or {})
    column = {name: index for index, name in enumerate(attributes)}
    shape = (len(targets), len(attributes))
    sizes = [len(target) for target in targets]
    rows = np.repeat(np.arange(len(targets)), sizes)
    columns = np.fromiter((column[n] for t in targets for n in t), dtype=np.intp, count=sum(sizes))
    wishes = [wish for target in targets for wish in target.values()]
    values = np.zeros(shape)
    upper = None
    if any(isinstance(wish, Bounds) for wish in wishes):
        values[rows, columns] = [w.low if isinstance(w, Bounds) else w for w in wishes]
        upper = np.zeros(shape)
        upper[rows, columns] = [w.high if isinstance(w, Bounds) else w for w in wishes]
    else:
        values[rows, columns] = np.array(wishes, dtype=np.float64)
    weight_of = np.array([(weights or {}).get(name, 1.0) for name in attributes])
    weight = np.zeros(shape)
    weight[rows, columns] = weight_of[columns]
    named = np.zeros(shape, dtype=np.bool_)
    named[rows, columns] = True
    if sum(sizes) and not weight.any(axis=1).all():
        raise WeightlessTarget("every attribute of a target has weight 0")
    return TargetMatrix(attributes, values, weight, named, upper)


def _alike(
    targets: Sequence[Mapping[str, Settled]],
    attributes: tuple[str, ...],
    weights: Mapping[str, float],
) -> TargetMatrix:
    """Targets that all name the same attributes in the same order, as most do."""
    rows = [list(target.values()) for target in targets]
    upper = None
    if any(isinstance(wish, Bounds) for row in rows for wish in row):
        low = [[w.low if isinstance(w, Bounds) else w for w in row] for row in rows]
        high = [[w.high if isinstance(w, Bounds) else w for w in row] for row in rows]
        values, upper = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    else:
        values = np.array(rows, dtype=np.float64)
    weight_of = [weights.get(name, 1.0) for name in attributes]
    if attributes and not any(weight_of):
        raise WeightlessTarget("every attribute of a target has weight 0")
    weight = np.empty(values.shape)
    weight[:] = weight_of
    return TargetMatrix(
        attributes, values, weight, np.ones(values.shape, dtype=np.bool_), upper, True
    )
